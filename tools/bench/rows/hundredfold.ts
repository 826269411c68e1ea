import { BASE, type Size } from '../data/dataset';
import { alternating, costOf } from '../load/paired';
import { type Row } from '../row';
import { startEcho, startGenerator, startLatchkey } from '../servers';
import { shown, spreadOf } from '../statistics';
import { REACH as REACH_AUTHORIZE } from './authorize';
import { CHECKS, REACH_MICROS } from './batch';

const HUNDREDFOLD: Size = { members: BASE.members * 100, workspaces: BASE.workspaces * 100 };
const REQUESTS = 100_000;
const MESSAGES = 1_000;
const ROUNDS = 15;

/** The rows `authorize` and `batch` over a dataset a hundred times as large. */
export const hundredfold: Row = {
  name: 'hundredfold',
  about: '100,000 members in 10,000 workspaces: Authorize against the echo, and BatchAuthorize',
  long: true,
  async run(bench) {
    bench.log(`  filling ${HUNDREDFOLD.members} keys, by production's fills from facts in the same process`);
    const [latchkey, echo] = await Promise.all([
      startLatchkey(bench, { size: HUNDREDFOLD, filled: HUNDREDFOLD.members }),
      startEcho(bench, 'messages'),
    ]);
    const about = { size: HUNDREDFOLD, requests: REQUESTS, perMessage: 1 };
    const calls = await startGenerator(bench, { about });
    const amount = { generator: calls, calls: 20_000, warmUp: 40_000 };
    const [ours = [], echos = []] = await alternating(bench, ROUNDS, [
      { server: latchkey, ...amount },
      { server: echo, ...amount },
    ]);
    for (const process of [echo.process, calls]) await bench.end(process);
    const batches = await startGenerator(bench, { about: { ...about, requests: MESSAGES, perMessage: CHECKS } });
    const [batched = []] = await alternating(bench, ROUNDS, [
      { server: latchkey, generator: batches, calls: 600, warmUp: 1_500 },
    ]);
    for (const process of [latchkey.process, batches]) await bench.end(process);

    const ratio = spreadOf(ours.map(({ micros }, i) => micros / echos[i]!.micros));
    const perCheck = spreadOf(batched.map(({ micros }) => micros / CHECKS));
    return {
      lines: [
        {
          figure: 'Authorize to echo over 100,000 members, server CPU',
          measured: shown(ratio),
          reach: `≤ ${REACH_AUTHORIZE}`,
          good: ratio.median <= REACH_AUTHORIZE,
        },
        { figure: 'Authorize over 100,000 members, server CPU', measured: costOf(ours) },
        { figure: 'echo, server CPU', measured: costOf(echos) },
        {
          figure: 'BatchAuthorize of 100 over 100,000 members, for each check',
          measured: `${shown(perCheck)} µs`,
          reach: `≤ ${REACH_MICROS} µs`,
          good: perCheck.median <= REACH_MICROS,
        },
      ],
      figures: { hundredfoldAuthorizeToEcho: ratio.median, hundredfoldBatchMicrosPerCheck: perCheck.median },
    };
  },
};
