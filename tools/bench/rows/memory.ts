import { type Size } from '../data/dataset';
import { type Row } from '../row';
import { startLatchkey } from '../servers';

const KEYS: Size = { members: 200_000, workspaces: 100 };
const REACH_BYTES = 1_024;
const REACH_RSS = 512;
/** Filled before the first look, so that code and what all keys share is not counted. */
const FIRST = 2_000;
const MIB = 2 ** 20;
/** As a process is told that has 512 MiB to itself; without it V8 keeps what it has freed. */
const HEAP = 384;

interface Memory {
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** What a remembered key takes, with a member and its roles of its own. */
export const memory: Row = {
  name: 'memory',
  about: '200,000 cached keys, each with its own principal',
  async run(bench) {
    bench.log(`  filling ${KEYS.members} keys, by production's fills from facts in the same process`);
    const { process } = await startLatchkey(bench, {
      size: KEYS,
      filled: FIRST,
      flags: [`--max-old-space-size=${HEAP}`],
    });
    const before = await process.ask<Memory>('memory');
    await process.ask('fill', { from: FIRST, to: KEYS.members });
    const after = await process.ask<Memory>('memory');
    await bench.end(process);
    const perKey = (after.heapBytes - before.heapBytes) / (KEYS.members - FIRST);
    const rss = after.rssBytes / MIB;
    return {
      lines: [
        {
          figure: 'memory for each cached key with its principal',
          measured: `${perKey.toFixed(0)} bytes`,
          reach: `≤ ${REACH_BYTES} bytes`,
          good: perKey <= REACH_BYTES,
        },
        {
          figure: 'RSS of the server with 200,000 cached keys',
          measured: `${rss.toFixed(0)} MiB`,
          reach: `≤ ${REACH_RSS} MiB`,
          good: rss <= REACH_RSS,
        },
      ],
      figures: { memoryBytesPerKey: Math.round(perKey), memoryRssMiB: Math.round(rss) },
    };
  },
};
