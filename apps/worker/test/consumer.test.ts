import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeUserDeletion, QUEUE_PREFIX, USER_DELETION_QUEUE } from '@latchkey/events';
import { type eventsV1 } from '@latchkey/proto';
import { createLogger } from '@latchkey/service';
import { type Engine, eventually, freePort, startRedis } from '@latchkey/testing';
import { Queue } from 'bullmq';
import { typeid } from 'typeid-js';
import { type Consumer, type Handler, startConsumer } from '../src/consumer';

// A Redis of its own that comes and goes; one named by REDIS_URL belongs to somebody and stays.
const dir = mkdtempSync(join(tmpdir(), 'latchkey-worker-'));
let port: number;
let redis: Engine | undefined;
let consumer: Consumer | undefined;
let queue: Queue | undefined;
let lines: Record<string, unknown>[] = [];

const log = createLogger({
  name: 'worker',
  destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
});
const start = async (): Promise<Engine> => (redis = await startRedis({ dir, port, log: () => undefined, env: {} }));
const openQueue = (): Queue =>
  (queue = new Queue(USER_DELETION_QUEUE, { connection: { host: '127.0.0.1', port }, prefix: QUEUE_PREFIX }));
const consume = (handle: Handler): Consumer => (consumer = startConsumer(`redis://127.0.0.1:${port}`, handle, log));

const event = (): eventsV1.UserDeletionRequested => ({
  deletionId: typeid('del').toString(),
  organizationId: typeid('org').toString(),
  memberId: typeid('mem').toString(),
});
const WITHIN = { timeoutMs: 20_000, intervalMs: 100 };

beforeEach(async () => {
  port = await freePort();
  lines = [];
});
afterEach(async () => {
  await consumer?.stop();
  await queue?.close();
  await redis?.stop();
  consumer = queue = redis = undefined;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('starts without Redis, waits for it, and goes on after it was away', async () => {
  const seen: string[] = [];
  consume(({ deletionId }) => Promise.resolve({ seen: seen.push(deletionId) }));
  await eventually(() => expect(lines).toContainEqual(expect.objectContaining({ level: 'warn' })), WITHIN);
  await start();
  const first = event();
  await openQueue().add('x', encodeUserDeletion(first), { jobId: `ud-${first.deletionId}` });
  await eventually(() => expect(seen).toContain(first.deletionId), WITHIN);
  await queue?.close();

  await redis?.stop();
  await start();
  const second = event();
  await openQueue().add('x', encodeUserDeletion(second), { jobId: `ud-${second.deletionId}` });
  await eventually(() => expect(seen).toContain(second.deletionId), WITHIN);
});

it('tries again what failed, as often as the producer said, and then raises the alarm', async () => {
  await start();
  let tries = 0;
  consume(() => Promise.reject(new Error(`try ${(tries += 1)}`)));
  await openQueue().add('x', encodeUserDeletion(event()), { jobId: 'ud-1', attempts: 3, backoff: 50 });
  await eventually(() => expect(lines).toContainEqual(expect.objectContaining({ alert: 'dead-letter' })), WITHIN);
  expect(tries).toBe(3);
  expect(await queue?.getFailedCount()).toBe(1);
});

it('puts a bad payload into the dead-letter set at once, with an alert', async () => {
  await start();
  let called = false;
  consume(() => Promise.resolve({ called: (called = true) }));
  await openQueue().add('x', { deletionId: 'nonsense' }, { jobId: 'ud-bad', attempts: 8, backoff: 60_000 });
  await eventually(async () => expect(await queue?.getFailedCount()).toBe(1), WITHIN);
  await eventually(
    () =>
      expect(lines).toContainEqual(expect.objectContaining({ level: 'error', alert: 'dead-letter', jobId: 'ud-bad' })),
    WITHIN,
  );
  expect(called).toBe(false);
});

it('stops within a bound while Redis is away', async () => {
  await start();
  const stopping = consume(() => Promise.resolve({}));
  await openQueue().waitUntilReady();
  await queue?.close();
  await redis?.stop();
  const began = performance.now();
  await stopping.stop();
  expect(performance.now() - began).toBeLessThan(5_000);
});
