import { type Bench } from '../bench';
import { type Size } from '../data/dataset';
import { type Measured, SERVER_CORE } from '../process';
import { type DecideStart } from '../programs/decide';
import { type Line, type Row } from '../row';
import { shown, type Spread, spreadOf } from '../statistics';

/** The core of what the SDK does: a decision from memory, inside a lease, in process. */
export const decide: Row = {
  name: 'decide',
  about: 'a decision in process, from the secret to the verdict, over 200,000 keys and over 1,000',
  async run(bench) {
    const process = await startDecide(bench, MANY);
    const { all, few, lines } = await inProcess(process, 'a decision in process', false);
    await bench.end(process);
    return { lines, figures: { decideMicros: all.median, decideHotMicros: few.median } };
  },
};

export async function startDecide(bench: Bench, size: Size): Promise<Measured> {
  bench.log(`  filling ${size.members} keys, by production's fills from facts in the same process`);
  const process = await bench.start({ program: 'decide', core: SERVER_CORE });
  const start: DecideStart = { root: bench.root, ...(await bench.engines()), size };
  await process.ask('start', start);
  return process;
}

const CHECKS = 100_000;
const ROUNDS = 7;
const WARM_UP = 3;

/** CPU for each check over so many keys, once the compiler is through. */
async function inProcessMicros(process: Measured, keys: number): Promise<Spread> {
  const measured: number[] = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const micros = await process.ask<number>('decide', { checks: CHECKS, keys });
    if (round >= WARM_UP) measured.push(micros);
  }
  return spreadOf(measured);
}

const REACH_MICROS = 3;
const REACH_HOT_MICROS = 1.5;
export const MANY: Size = { members: 200_000, workspaces: 100 };
const HOT = 1_000;

/** What it costs to answer from memory, over all keys that there are and over a few. */
export async function inProcess(
  process: Measured,
  what: string,
  hasToReach = true,
): Promise<{ readonly all: Spread; readonly few: Spread; readonly lines: readonly Line[] }> {
  const all = await inProcessMicros(process, MANY.members);
  const few = await inProcessMicros(process, HOT);
  const line = (figure: string, cost: Spread, most: number): Line => ({
    figure: `${what}, ${figure}`,
    measured: `${shown(cost)} µs`,
    ...(hasToReach && { reach: `≤ ${most} µs`, good: cost.median <= most }),
  });
  return {
    all,
    few,
    lines: [line('uniform over 200,000 keys', all, REACH_MICROS), line('over 1,000 hot keys', few, REACH_HOT_MICROS)],
  };
}
