import { parseArgs } from 'node:util';
import { prove } from './proof';
import { runSeed } from './random-run';
import { play } from './scene';
import { SCHEDULES } from './schedules';
import { SWITCHES } from './switches';

// One share of a simulation run; `npm run sim` starts one of these per core. Reports in lines of JSON.
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0' },
    'ablation-seeds': { type: 'string', default: '0' },
    share: { type: 'string', default: '0/1' },
    seed: { type: 'string' },
    without: { type: 'string' },
    schedules: { type: 'boolean', default: false },
  },
});

const without = SWITCHES.find((name) => name === values.without);
if (values.without !== undefined && !without) throw new Error(`--without knows: ${SWITCHES.join(', ')}`);
const leftOut = without ? { [without]: true } : {};

if (values.seed !== undefined) replaySeed(Number(values.seed));
else if (values.schedules) playSchedules();
else runShare(values.share.split('/').map(Number));

/** Prints the whole schedule of one seed. */
function replaySeed(seed: number): void {
  const { lines, violations, stuck } = runSeed(seed, leftOut, true);
  for (const line of lines) console.log(line);
  console.log(`seed ${seed}: ${violations.length} stale, stuck: ${stuck.join(', ') || 'nobody'}`);
  process.exitCode = violations.length + stuck.length > 0 ? 1 : 0;
}

/** Prints the hand-written schedules of one ingredient, or of all, as they break without it. */
function playSchedules(): void {
  for (const schedule of SCHEDULES) {
    if (without && schedule.without !== without) continue;
    console.log(`\n${schedule.without}: ${schedule.story}`);
    const { lines, violations } = play(schedule, true, true);
    for (const line of untilViolation(lines)) console.log(line);
    console.log(`${violations.length} stale`);
  }
}

/** A schedule as far as it explains itself: until its first violation, or all of it where somebody got stuck. */
function untilViolation(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => line.includes('VIOLATION'));
  return first < 0 ? lines : lines.slice(0, first + 1);
}

function runShare([share = 0, of = 1]: number[]): void {
  const counts = { seeds: 0, answers: 0, accepts: 0, unavailable: 0, acknowledged: 0, stale: 0 };
  const sum = { kind: 'seeds', switches: SWITCHES.length, ...counts };
  const failed: number[] = [];
  let schedule: readonly string[] = [];
  for (let seed = 1 + share; seed <= Number(values.seeds); seed += of) {
    let result: ReturnType<typeof runSeed>;
    try {
      result = runSeed(seed, leftOut);
    } catch (error) {
      if (failed.length === 0) schedule = [`it throws: ${error instanceof Error ? error.stack : String(error)}`];
      failed.push(seed);
      continue;
    }
    sum.seeds++;
    sum.answers += result.answers;
    sum.accepts += result.accepts;
    sum.unavailable += result.unavailable;
    sum.acknowledged += result.acknowledged;
    sum.stale += result.violations.length;
    if (result.violations.length + result.stuck.length === 0) continue;
    if (failed.length === 0) schedule = untilViolation(runSeed(seed, leftOut, true).lines);
    failed.push(seed);
  }
  console.log(JSON.stringify({ ...sum, failed, schedule }));
  for (const [place, name] of SWITCHES.entries()) {
    if (place % of === share)
      console.log(JSON.stringify({ kind: 'proof', ...prove(name, Number(values['ablation-seeds'])) }));
  }
}
