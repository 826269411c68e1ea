// `npm run new-enemy -- --races N`: races mutations of every kind against checks, on real processes, and looks for a check that
// started after a mutation was acknowledged and does not see it. docs/guides/new-enemy.md says what it shows and what not.
//   --kind NAME        only this kind (repeatable); any part of its name
//   --fault FAULT      what is broken meanwhile (repeatable, one after the other): none, or any of FAULTS; all: each in turn
//   --seconds N        begins no race after that time, once each kind has had one under each fault; fails where that was too short
//   --lanes N          how many races at a time, each of another kind
//   --pause MS         between two messages of many checks to a replica
//   --seed S           decides what is random here; when processes run is up to the machine
//   --without-barrier  mutations wait for nobody: every kind must show violations
//   --history FILE     where races in which something is wrong are written to, one JSON object a line
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { ended } from '../ended';
import { FAULTS, type FaultName } from './faults';
import { KINDS } from './kinds';
import { LEAST_OF_EACH, summarize } from './report';
import { runNewEnemy } from './run';
import { type Tallies } from './tally';

const { values } = parseArgs({
  options: {
    races: { type: 'string', default: '2000' },
    kind: { type: 'string', multiple: true, default: [] },
    fault: { type: 'string', multiple: true, default: ['none'] },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '6' },
    pause: { type: 'string', default: '3' },
    'without-barrier': { type: 'boolean', default: false },
    history: { type: 'string', default: '.cache/new-enemy-violations.jsonl' },
  },
});

function atLeastOne(name: 'races' | 'seconds' | 'seed' | 'lanes' | 'pause'): number {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < 1) throw new RangeError(`--${name} must be a number from 1 on`);
  return number;
}

function faultsAskedFor(): FaultName[] {
  if (values.fault.includes('all')) return [...FAULTS];
  return values.fault.map((asked) => {
    const fault = FAULTS.find((name) => name === asked);
    if (fault === undefined) throw new RangeError(`--fault: all or one of ${FAULTS.join(', ')}`);
    return fault;
  });
}

/** For whoever has to understand them: all checks of each race, with what was wrong. */
function keep({ violations }: Tallies, file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, violations.map((violation) => `${JSON.stringify(violation)}\n`).join(''));
  console.log(`${violations.length} races in which something is wrong: ${file}`);
}

async function run(): Promise<number> {
  const kinds = KINDS.filter(({ name }) => values.kind.length === 0 || values.kind.some((part) => name.includes(part)));
  if (kinds.length === 0) throw new RangeError(`--kind: one of ${KINDS.map(({ name }) => name).join(', ')}`);
  const history = await runNewEnemy({
    races: atLeastOne('races'),
    leastOfEach: LEAST_OF_EACH,
    limitMs: values.seconds === undefined ? undefined : atLeastOne('seconds') * 1_000,
    kinds,
    faults: faultsAskedFor(),
    seed: atLeastOne('seed'),
    withoutBarrier: values['without-barrier'],
    lanes: Math.min(atLeastOne('lanes'), kinds.length),
    pauses: { batchMs: atLeastOne('pause'), unaryMs: 1, sdkMs: 25 },
    log: (line) => console.log(line),
  });
  const { text, verdict, good } = summarize(history);
  for (const line of text) console.log(line);
  if (history.tallies.violations.length > 0) keep(history.tallies, values.history);
  console.log(JSON.stringify(verdict));
  return good ? 0 : 1;
}

ended(run());
