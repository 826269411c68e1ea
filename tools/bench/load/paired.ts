import { type Bench } from '../bench';
import { type Measured } from '../process';
import { type Collected } from '../programs/answering';
import { type Load, type LoadResult } from '../programs/generate';
import { shown, spreadOf } from '../statistics';

/** A server under load for a while. */
export interface Run {
  /** The server's own CPU time for each call, µs. */
  readonly micros: number;
  /** For how long it collected garbage meanwhile, for each call, µs. */
  readonly collected: Collected;
  readonly result: LoadResult;
}

export interface Server {
  readonly name: string;
  readonly process: Measured;
  readonly port: number;
  /** Whether its answers can be checked. */
  readonly checked: boolean;
}

type Amount = Pick<Load, 'calls' | 'rate'>;

/** However slow everything is. */
const LIMIT_MS = 30_000;

export async function loaded(
  generator: Measured,
  { name, process, port, checked }: Server,
  load: Amount,
): Promise<Run> {
  const collectedBefore = await process.ask<Collected>('collected');
  const before = await process.ask<number>('cpuMicros');
  const result = await generator.ask<LoadResult>('run', { limitMs: LIMIT_MS, ...load, port, checked });
  const used = (await process.ask<number>('cpuMicros')) - before;
  if (result.failed + result.wrong > 0) {
    throw new Error(`${name}: ${result.failed} calls failed and ${result.wrong} answers were wrong`);
  }
  const collected = await process.ask<Collected>('collected');
  const each = (kind: keyof Collected): number => (collected[kind] - collectedBefore[kind]) / result.answered;
  return { micros: used / result.answered, collected: { minor: each('minor'), major: each('major') }, result };
}

/** One side of a comparison. */
export interface Side {
  readonly server: Server;
  readonly generator: Measured;
  /** Measured in each round. */
  readonly calls: number;
  /** Before the first round: enough for the compiler to be through. */
  readonly warmUp: number;
}

/** The servers by turns, in changing order, so that what else the machine does meets all of them alike. */
export async function alternating(bench: Bench, rounds: number, sides: readonly Side[]): Promise<Run[][]> {
  for (const { server, generator, warmUp } of sides) await loaded(generator, server, { calls: warmUp });
  const runs = sides.map((): Run[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = sides.map((_, i) => (round % 2 === 0 ? i : sides.length - 1 - i));
    for (const i of order) {
      const { server, generator, calls } = sides[i]!;
      runs[i]!.push(await loaded(generator, server, { calls }));
    }
    const costs = sides.map(({ server }, i) => `${server.name} ${runs[i]!.at(-1)!.micros.toFixed(1)}`).join(', ');
    bench.log(`  round ${round + 1} of ${rounds}, µs of server CPU: ${costs}`);
  }
  return runs;
}

/** What calls cost, and how much of it was collecting garbage. */
export function costOf(runs: readonly Run[]): string {
  const each = (of: (run: Run) => number): string => shown(spreadOf(runs.map(of)), 1);
  const young = each(({ collected }) => collected.minor);
  const all = each(({ collected }) => collected.major);
  return `${each(({ micros }) => micros)} µs; of it collecting garbage, the young ${young} µs, all ${all} µs`;
}
