import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QUEUE_PREFIX, USER_DELETION_QUEUE } from '@latchkey/events';
import { createLogger } from '@latchkey/service';
import { type Engine, eventually, freePort, startRedis } from '@latchkey/testing';
import { Queue } from 'bullmq';
import { type DeletionQueue, deletionQueue } from '../src/deletion-queue';
import { newId } from './world';

// A Redis of its own that comes and goes; one named by REDIS_URL belongs to somebody and stays.
const dir = mkdtempSync(join(tmpdir(), 'latchkey-queue-'));
const lines: string[] = [];
const log = createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } });
const event = () => ({ deletionId: newId('del'), organizationId: newId('org'), memberId: newId('mem') });

let port: number;
let redis: Engine | undefined;
let queue: DeletionQueue;

const start = async (): Promise<Engine> => (redis = await startRedis({ dir, port, log: () => undefined, env: {} }));

beforeAll(async () => {
  port = await freePort();
  queue = deletionQueue(`redis://127.0.0.1:${port}`, log);
});
afterAll(async () => {
  await queue.close();
  await redis?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('without Redis an add fails at once, the log says so once, and an add succeeds when Redis has come', async () => {
  const started = performance.now();
  for (let i = 0; i < 5; i++) {
    await expect(queue.add('ud-x', event())).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(performance.now() - started).toBeLessThan(4_000);
  expect(lines.filter((line) => line.includes('cannot be reached'))).toHaveLength(1);
  await start();
  await eventually(() => queue.add('ud-first', event()));
});

test('a job carries ids only, has retries with back-off, and its id is known once', async () => {
  const sent = event();
  await queue.add('ud-1', sent);
  await queue.add('ud-1', event());
  const reader = new Queue(USER_DELETION_QUEUE, { connection: { host: '127.0.0.1', port }, prefix: QUEUE_PREFIX });
  try {
    const jobs = (await reader.getJobs(['waiting'])).filter((job) => job.id === 'ud-1');
    expect(jobs.map((job) => job.data as unknown)).toEqual([expect.objectContaining(sent)]);
    expect(jobs[0]?.opts).toMatchObject({ attempts: 8, removeOnComplete: true, removeOnFail: false });
    expect(jobs[0]?.opts.backoff).toMatchObject({ type: 'exponential' });
  } finally {
    await reader.close();
  }
});

test('Redis may go and come back: adds fail meanwhile and succeed after', async () => {
  await redis?.stop();
  await expect(queue.add('ud-2', event())).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
  await start();
  await eventually(() => queue.add('ud-2', event()));
});
