import { BASE } from '../data/dataset';
import { alternating } from '../load/paired';
import { type Row } from '../row';
import { startEcho, startGenerator, startLatchkey } from '../servers';
import { shown, spreadOf } from '../statistics';

export const REACH_MICROS = 4;
/** Of a few seconds, against a call of the echo, on whatever machine: 4 µs are 0.1 of the 40 µs of a fast one. */
const REACH_SHORT = 0.15;
export const CHECKS = 100;
const REQUESTS = 1_000;

/** What one of many questions in one message costs. */
export const batch: Row = {
  name: 'batch',
  about: `BatchAuthorize of ${CHECKS} checks over as many keys, for each check`,
  short: true,
  async run(bench) {
    const [latchkey, echo, batches, calls] = await Promise.all([
      startLatchkey(bench, { size: BASE, filled: BASE.members, name: 'a batch' }),
      startEcho(bench, 'messages'),
      startGenerator(bench, { about: { size: BASE, requests: REQUESTS, perMessage: CHECKS } }),
      startGenerator(bench, { about: { size: BASE, requests: REQUESTS, perMessage: 1 } }),
    ]);
    const rounds = bench.short ? 3 : 9;
    const [ours = [], echos = []] = await alternating(bench, rounds, [
      { server: latchkey, generator: batches, calls: bench.short ? 100 : 600, warmUp: bench.short ? 300 : 1_500 },
      { server: echo, generator: calls, calls: bench.short ? 1_500 : 10_000, warmUp: 5_000 },
    ]);
    for (const process of [latchkey.process, echo.process, batches, calls]) await bench.end(process);

    const perCheck = spreadOf(ours.map(({ micros }) => micros / CHECKS));
    const toEcho = spreadOf(ours.map(({ micros }, i) => micros / CHECKS / echos[i]!.micros));
    const perSecond = spreadOf(ours.map(({ result }) => result.perSecond * CHECKS));
    const cost = { figure: 'BatchAuthorize of 100, server CPU for each check', measured: `${shown(perCheck)} µs` };
    return {
      lines: [
        bench.short ? cost : { ...cost, reach: `≤ ${REACH_MICROS} µs`, good: perCheck.median <= REACH_MICROS },
        {
          figure: 'a check in a batch to a call of the echo',
          measured: shown(toEcho, 3),
          ...(bench.short && { reach: `≤ ${REACH_SHORT}`, good: toEcho.median <= REACH_SHORT }),
        },
        { figure: 'BatchAuthorize, checks/s on one core', measured: shown(perSecond, 0) },
      ],
      figures: {
        batchMicrosPerCheck: perCheck.median,
        batchCheckToEcho: toEcho.median,
        batchChecksPerSecond: perSecond.median,
      },
    };
  },
};
