import { type Size } from '../data/dataset';
import { alternating, costOf } from '../load/paired';
import { type Row } from '../row';
import { startGenerator, startLatchkey } from '../servers';
import { shown, spreadOf } from '../statistics';
import { startDecide } from './decide';

const SMALL: Size = { members: 10_000, workspaces: 1_000 };
const LARGE: Size = { members: 1_000_000, workspaces: 10_000 };
const REACH_UNARY = 1.2;
const REACH_IN_PROCESS = 3;
const REQUESTS = 100_000;
const CHECKS = 200_000;
const ROUNDS = 7;

/** Whether more keys make each check dearer. */
export const growth: Row = {
  name: 'growth',
  about: 'a million cached keys against ten thousand, over the wire and in process',
  long: true,
  async run(bench) {
    const few = await startLatchkey(bench, { size: SMALL, filled: SMALL.members, name: '10^4 keys' });
    bench.log(`  filling ${LARGE.members} keys, by production's fills from facts in the same process`);
    const million = await startLatchkey(bench, { size: LARGE, filled: LARGE.members, name: '10^6 keys' });
    const amount = { calls: 20_000, warmUp: 60_000 };
    // Otherwise the first calls would pay for what the fills have left behind.
    for (const { process } of [few, million]) await process.ask('memory');
    const sides = [];
    for (const [server, size] of [
      [few, SMALL],
      [million, LARGE],
    ] as const) {
      const generator = await startGenerator(bench, { about: { size, requests: REQUESTS, perMessage: 1 } });
      sides.push({ server, generator, ...amount });
    }
    const [small = [], large = []] = await alternating(bench, ROUNDS, sides);
    for (const { server, generator } of sides)
      for (const process of [server.process, generator]) await bench.end(process);
    const unary = spreadOf(large.map(({ micros }, i) => micros / small[i]!.micros));

    const [smallOnes, largeOnes]: [number[], number[]] = [[], []];
    const inSmall = await startDecide(bench, SMALL);
    const inLarge = await startDecide(bench, LARGE);
    for (let round = 0; round < ROUNDS + 2; round++) {
      for (const [process, keys, into] of [
        [inSmall, SMALL.members, smallOnes],
        [inLarge, LARGE.members, largeOnes],
      ] as const) {
        const micros = await process.ask<number>('decide', { checks: CHECKS, keys });
        if (round >= 2) into.push(micros);
      }
    }
    await bench.end(inSmall);
    await bench.end(inLarge);
    const inProcess = spreadOf(largeOnes.map((micros, i) => micros / smallOnes[i]!));
    return {
      lines: [
        {
          figure: 'Authorize, 10⁶ keys to 10⁴',
          measured: shown(unary),
          reach: `≤ ${REACH_UNARY}`,
          good: unary.median <= REACH_UNARY,
        },
        ...(
          [
            ['10⁴', small],
            ['10⁶', large],
          ] as const
        ).map(([keys, runs]) => ({
          figure: `Authorize over ${keys} keys, server CPU`,
          measured: costOf(runs),
        })),
        {
          figure: 'in process, 10⁶ keys to 10⁴',
          measured: shown(inProcess),
          reach: `≤ ${REACH_IN_PROCESS}`,
          good: inProcess.median <= REACH_IN_PROCESS,
        },
      ],
      figures: { growthUnary: unary.median, growthInProcess: inProcess.median },
    };
  },
};
