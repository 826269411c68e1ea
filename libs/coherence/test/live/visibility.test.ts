import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@latchkey/coherence';
import { createLogger } from '@latchkey/service';
import { type Engine, eventually, startDatabase, startRedis } from '@latchkey/testing';
import type mongoose from 'mongoose';
import { type EpochChannel, NO_CHANNEL, openEpochChannel } from '../../src/live/epoch-channel';
import { type EpochStore, openEpochStore } from '../../src/live/epoch-store';
import { LiveBarrier } from '../../src/live/live-barrier';
import { LiveReplica } from '../../src/live/live-replica';
import { DEFAULTS, type Evaluate } from '../../src/protocol';

const log = createLogger({ name: 'test', level: 'silent' });
const parameters = { ...DEFAULTS, leaseMs: 2_000, pollMs: 100 };
const limits = { entitiesPerKind: 1_000, unknown: 1_000 };

let dir: string;
let engine: Engine;
let redis: Engine;
let connection: mongoose.Connection;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'latchkey-live-'));
  engine = await startDatabase({ dir: join(dir, 'database'), log: () => undefined });
  redis = await startRedis({ dir: join(dir, 'redis'), log: () => undefined });
  connection = await openDatabase(engine.uri, 'live_test');
}, 60_000);
afterAll(async () => {
  await connection?.close();
  await redis?.stop();
  await engine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

interface Facts {
  value: number;
}

/** Replicas and one writer on the real database; what they decide about is one number that only grows. */
async function world(openChannel: () => EpochChannel, wrap: (store: EpochStore, replica: number) => EpochStore) {
  const store = await openEpochStore(connection);
  const facts = connection.collection<{ _id: string; value: number }>('facts');
  await facts.updateOne({ _id: 'f' }, { $set: { value: 0 } }, { upsert: true });
  const channels = Array.from({ length: 4 }, openChannel);
  const [writerChannel = NO_CHANNEL, ...replicaChannels] = channels;
  const replicas = replicaChannels.map((channel, index) => {
    const replica = new LiveReplica<Facts>({
      store: wrap(store, index),
      channel,
      parameters,
      kinds: ['fact'],
      limits,
      log,
      load: async () => {
        const found = await facts.findOne({ _id: 'f' });
        const entity = { kind: 'fact', id: 'f', hashes: [], within: [], value: { value: found?.value ?? -1 } };
        return { entities: [entity], absent: [] };
      },
    });
    replica.start();
    return replica;
  });
  const barrier = new LiveBarrier({ store, channel: writerChannel, parameters, log });
  await barrier.start();
  await eventually(() => {
    if (!replicas.every((replica) => replica.serving)) throw new Error('not every replica is serving yet');
  });
  return {
    replicas,
    /** Writes the number, and returns when the barrier says that everybody sees it. */
    async write(value: number): Promise<void> {
      await facts.updateOne({ _id: 'f' }, { $set: { value } }, { writeConcern: { w: 'majority', j: true } });
      const ctx = { deadline: Date.now() + 10_000, signal: new AbortController().signal };
      await barrier.pass([{ kind: 'fact', id: 'f', hashes: [] }], ctx);
    },
    async end(): Promise<void> {
      barrier.stop();
      await Promise.all(replicas.map((replica) => replica.leave()));
      channels.forEach((channel) => channel.close());
    },
  };
}

const read: Evaluate<Facts, number> = (view) => {
  const found = view.byId('fact', 'f');
  return found ? { answer: found.value.value } : { missing: { by: 'id', kind: 'fact', id: 'f' } };
};

const CHANNELS: [string, () => EpochChannel][] = [
  ['with Redis', () => openEpochChannel(redis.uri, log)],
  ['without Redis', () => NO_CHANNEL],
];

test.each(CHANNELS)(
  'acknowledged means visible, on every replica, %s',
  async (_name, openChannel) => {
    const { replicas, write, end } = await world(openChannel, (store) => store);
    try {
      for (let value = 1; value <= 20; value++) {
        // Checks that go on meanwhile: they may see the old or the new, but fill caches in every moment of the write.
        const racing = replicas.flatMap((replica) => Array.from({ length: 5 }, async () => replica.check(read)));
        await write(value);
        const after = await Promise.all(replicas.map(async (replica) => replica.check(read)));
        expect(after).toEqual([value, value, value]);
        for (const seen of await Promise.all(racing)) expect(seen).toBeGreaterThanOrEqual(value - 1);
        // And from memory: the second time there is nothing to wait for.
        expect(replicas.map((replica) => replica.check(read))).toEqual([value, value, value]);
      }
    } finally {
      await end();
    }
  },
  60_000,
);

test('a replica cut off from the database stops answering before the write is acknowledged', async () => {
  let cutOff = false;
  const hanging = (store: EpochStore): EpochStore => ({
    ...store,
    execute: (operation) => (cutOff ? new Promise(() => undefined) : store.execute(operation)),
  });
  const { replicas, write, end } = await world(
    () => NO_CHANNEL,
    (store, replica) => (replica === 0 ? hanging(store) : store),
  );
  const [lonely] = replicas;
  if (!lonely) throw new Error('there is no first replica');
  try {
    await write(1);
    expect(await Promise.all(replicas.map(async (replica) => replica.check(read)))).toEqual([1, 1, 1]);
    cutOff = true;
    const writing = write(2);
    // Inside its lease it goes on, with what nobody has been told is over.
    expect(lonely.check(read)).toBe(1);
    await writing;
    expect(lonely.serving).toBe(false);
    await expect(async () => lonely.check(read)).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'NO_LEASE' });
    expect(await replicas[1]?.check(read)).toBe(2);
    cutOff = false;
    await eventually(async () => expect(await lonely.check(read)).toBe(2));
  } finally {
    cutOff = false;
    await end();
  }
}, 60_000);
