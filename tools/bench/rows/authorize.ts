import { BASE } from '../data/dataset';
import { alternating, costOf, type Run } from '../load/paired';
import { type Row } from '../row';
import { shown, spreadOf } from '../statistics';
import { startEcho, startGenerator, startLatchkey } from '../servers';

export const REACH = 1.25;
/** Of a few seconds on whatever machine: finds what has become dearer by much. */
const REACH_SHORT = 1.5;
const REQUESTS = 10_000;

/** What Authorize costs beside a service that does nothing. */
export const authorize: Row = {
  name: 'authorize',
  about: 'unary Authorize, warm, over mTLS, against an empty echo',
  short: true,
  async run(bench) {
    const [latchkey, echo, bytes, generator] = await Promise.all([
      startLatchkey(bench, { size: BASE, filled: BASE.members }),
      startEcho(bench, 'messages'),
      startEcho(bench, 'bytes'),
      startGenerator(bench, { about: { size: BASE, requests: REQUESTS, perMessage: 1 } }),
    ]);
    const amount = bench.short ? { calls: 1_500, warmUp: 5_000 } : { calls: 20_000, warmUp: 40_000 };
    const sides = [latchkey, echo, bytes].map((server) => ({ server, generator, ...amount }));
    const [ours = [], echos = [], raw = []] = await alternating(bench, bench.short ? 5 : 9, sides);
    for (const { process } of [latchkey, echo, bytes]) await bench.end(process);
    await bench.end(generator);

    const micros = (runs: readonly Run[]) => spreadOf(runs.map((run) => run.micros));
    const against = (others: readonly Run[]) => spreadOf(ours.map((run, i) => run.micros / others[i]!.micros));
    const ratio = against(echos);
    const reach = bench.short ? REACH_SHORT : REACH;
    const perSecond = spreadOf(ours.map(({ result }) => result.perSecond));
    const p50 = spreadOf(ours.map(({ result }) => result.p50));
    const p99 = spreadOf(ours.map(({ result }) => result.p99));
    return {
      lines: [
        {
          figure: 'Authorize to echo, server CPU',
          measured: shown(ratio),
          reach: `≤ ${reach}`,
          good: ratio.median <= reach,
        },
        { figure: 'Authorize, server CPU', measured: costOf(ours) },
        { figure: 'echo, server CPU', measured: costOf(echos) },
        { figure: 'echo that neither decodes nor encodes', measured: costOf(raw) },
        { figure: 'Authorize to that echo', measured: shown(against(raw)) },
        { figure: 'Authorize, calls/s on one core', measured: shown(perSecond, 0) },
        { figure: 'Authorize, latency under that load', measured: `p50 ${shown(p50)} ms, p99 ${shown(p99)} ms` },
      ],
      figures: {
        authorizeToEcho: ratio.median,
        authorizeMicros: micros(ours).median,
        echoMicros: micros(echos).median,
        authorizeToRawEcho: against(raw).median,
        authorizePerSecond: perSecond.median,
      },
    };
  },
};
