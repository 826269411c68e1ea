import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { BASE } from '../data/dataset';
import { loaded } from '../load/paired';
import { picture, type Point } from '../picture';
import { type Row } from '../row';
import { startGenerator, startLatchkey } from '../servers';

/** Shares of what a closed loop reached. */
const SHARES = [0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9];
const MS = 3_000;
const REQUESTS = 10_000;
const SATURATING = 20_000;

/** Latency against load: an open loop, each call timed from when it should have been sent. */
export const latency: Row = {
  name: 'latency',
  about: 'latency of Authorize against load, open loop, timed from the scheduled send',
  async run(bench) {
    const server = await startLatchkey(bench, { size: BASE, filled: BASE.members });
    const generator = await startGenerator(bench, { about: { size: BASE, requests: REQUESTS, perMessage: 1 } });
    await loaded(generator, server, { calls: SATURATING });
    const { result } = await loaded(generator, server, { calls: SATURATING });
    const points: Point[] = [];
    for (const share of SHARES) {
      const rate = Math.round(result.perSecond * share);
      const run = await loaded(generator, server, { rate, calls: Math.round((rate * MS) / 1_000) });
      points.push({ rate, p50: run.result.p50, p99: run.result.p99 });
      bench.log(`  ${rate}/s: p50 ${run.result.p50.toFixed(2)} ms, p99 ${run.result.p99.toFixed(2)} ms`);
    }
    await bench.end(server.process);
    await bench.end(generator);
    const drawn = join(bench.root, bench.write ? 'docs/benchmarks-latency.svg' : '.cache/benchmarks-latency.svg');
    writeFileSync(drawn, picture(points));
    bench.log(`  drawn in ${relative(bench.root, drawn)}`);
    const half = points.find(({ rate }) => rate >= result.perSecond / 2);
    return {
      lines: points.map(({ rate, p50, p99 }) => ({
        figure: `Authorize at ${rate} calls/s, from the scheduled send`,
        measured: `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
      })),
      figures: { saturationPerSecond: result.perSecond, latencyP99MsAtHalf: half?.p99 ?? NaN },
    };
  },
};
