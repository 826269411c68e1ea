import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, startRedis } from '@latchkey/testing';
import fc from 'fast-check';
import { type Redis } from 'ioredis';
import { newGeneration, newSecret } from '../../src/live/epoch-store';
import { folderPlace } from '../../src/live/mark-folder';
import { type MarkPlace } from '../../src/live/mark-place';
import { openMarkRedis, redisPlace } from '../../src/live/mark-redis';
import { isBehind, type Watermark } from '../../src/protocol';

let dir: string;
let engine: Engine;
let redis: Redis;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'latchkey-marks-'));
  engine = await startRedis({ dir: join(dir, 'redis'), log: () => undefined });
  redis = openMarkRedis(engine.uri);
}, 60_000);
afterAll(async () => {
  redis?.disconnect();
  await engine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const inFolder = (): Promise<MarkPlace> => folderPlace(mkdtempSync(join(dir, 'data-')));
function inRedis(): Promise<MarkPlace> {
  const secret = newSecret();
  return Promise.resolve(redisPlace(redis, () => Promise.resolve(secret)));
}

const mark = fc.record({ generation: fc.constantFrom('g1', 'g2', 'g10'), seq: fc.nat(20) });
const highestOf = (marks: readonly Watermark[]) => marks.reduce((a, b) => (isBehind(a, b) ? b : a));

test.each([
  ['a data folder', inFolder],
  ['Redis', inRedis],
])(
  'memory never goes backwards: %s ends with the highest mark, and says when it had a higher one',
  async (_name, open) => {
    await fc.assert(
      fc.asyncProperty(fc.array(mark, { minLength: 1, maxLength: 8 }), async (marks) => {
        const place = await open();
        expect(await place.read()).toBeUndefined();
        let highest: Watermark | undefined;
        for (const each of marks) {
          const found = await place.keep(each);
          expect(found).toEqual(highest && !isBehind(highest, each) ? highest : undefined);
          highest = highestOf(highest ? [highest, each] : [each]);
          expect(await place.read()).toEqual(highest);
        }
      }),
      { numRuns: 20 },
    );
  },
);

test('memory never goes backwards: many processes that keep their marks in Redis at once leave the highest', async () => {
  const place = await inRedis();
  const marks = Array.from({ length: 40 }, (_, i) => ({ generation: 'g1', seq: (i * 17) % 40 }));
  await Promise.all(marks.map((each) => place.keep(each)));
  expect(await place.read()).toEqual({ generation: 'g1', seq: 39 });
});

test('deployments that share a Redis neither see nor overwrite each other’s marks', async () => {
  const [one, other] = [await inRedis(), await inRedis()];
  await one.keep({ generation: 'g1', seq: 5 });
  expect(await other.read()).toBeUndefined();
  await other.keep({ generation: 'g1', seq: 1 });
  expect(await one.read()).toEqual({ generation: 'g1', seq: 5 });
});

test('a data folder holds a whole mark at every moment, so that no crash can leave half of one', async () => {
  const data = mkdtempSync(join(dir, 'data-'));
  const place = await folderPlace(data);
  await place.keep({ generation: 'g1', seq: 0 });
  let over = false;
  const writing = (async () => {
    for (let seq = 1; seq <= 200; seq++) await place.keep({ generation: 'g1', seq });
    over = true;
  })();
  let last = 0;
  while (!over) {
    const text = readFileSync(join(data, 'epoch-mark.json'), 'utf8');
    const { seq } = JSON.parse(text) as Watermark;
    expect(seq).toBeGreaterThanOrEqual(last);
    last = seq;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writing;
});

test('what a crash has left beside the mark is ignored, and a damaged mark is for people to judge', async () => {
  const data = mkdtempSync(join(dir, 'data-'));
  await (await folderPlace(data)).keep({ generation: 'g1', seq: 5 });
  writeFileSync(join(data, 'epoch-mark.json.cafe'), '{"generation":"g1","se');
  const again = await folderPlace(data);
  expect(await again.read()).toEqual({ generation: 'g1', seq: 5 });
  expect(readdirSync(data)).toContain('epoch-mark.json');
  writeFileSync(join(data, 'epoch-mark.json'), '');
  await expect(folderPlace(data)).rejects.toThrow(/epoch-mark.json holds no mark of the epoch; remove it/);
  await expect(folderPlace(join(data, 'epoch-mark.json', 'below'))).rejects.toThrow();
});

test('a new generation is greater than every one before, whatever the clocks were', () => {
  const name = fc.oneof(
    fc.string(),
    fc.date({ noInvalidDate: true }).map((at) => newGeneration(at.getTime())),
  );
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), fc.array(name), (now, before) => {
      const generation = newGeneration(now.getTime(), ...before);
      for (const each of before) expect(generation > each).toBe(true);
    }),
  );
});
