import { runSeed } from './random-run';
import { play, type Schedule } from './scene';
import { SCHEDULES } from './schedules';
import { type Switch } from './switches';

/** What was found out about one ingredient. */
export interface Proof {
  readonly without: Switch;
  /** Schedules of its own that break without it, and hold with it. */
  readonly caughtBy: number;
  /** What is wrong: no schedule at all, one that doesn't break, or one that breaks anyway. */
  readonly failures: readonly string[];
  /** Seeds, of those tried, that broke without it. */
  readonly seedsCaught: number;
  readonly seedsTried: number;
}

/** Takes one ingredient out: plays its schedules with and without it, and tries seeds without it. */
export function prove(without: Switch, seeds: number): Proof {
  const schedules = SCHEDULES.filter((schedule) => schedule.without === without);
  const failures = schedules.flatMap((schedule) => failure(schedule) ?? []);
  if (schedules.length === 0) failures.push('no schedule of its own');
  let seedsCaught = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    if (runSeed(seed, { [without]: true }).violations.length > 0) seedsCaught++;
  }
  return { without, caughtBy: schedules.length - failures.length, failures, seedsCaught, seedsTried: seeds };
}

function failure(schedule: Schedule): string | undefined {
  const intact = play(schedule, false);
  if (intact.violations.length > 0) return `breaks although nothing is left out: ${schedule.story}`;
  // A schedule in which nobody answers, or nothing changes, would prove nothing.
  if (intact.answers === 0 || intact.unacknowledged > 0) return `comes to nothing: ${schedule.story}`;
  return play(schedule, true).violations.length === 0 ? `is not caught: ${schedule.story}` : undefined;
}
