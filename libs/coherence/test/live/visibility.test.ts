import { openDatabase } from '@latchkey/coherence';
import { eventually } from '@latchkey/testing';
import { Redis } from 'ioredis';
import type mongoose from 'mongoose';
import { type EpochChannel, NO_CHANNEL, openEpochChannel } from '../../src/live/epoch-channel';
import { type EpochStore } from '../../src/live/epoch-store';
import { type Engines, read, silent, startEngines, startWorld } from './world';

let engines: Engines;
let connection: mongoose.Connection;
beforeAll(async () => {
  engines = await startEngines();
  connection = await openDatabase(engines.database.uri, 'live_test');
}, 60_000);
afterAll(async () => {
  await connection?.close();
  await engines?.stop();
});

const CHANNELS: [string, () => EpochChannel][] = [
  ['with Redis', () => openEpochChannel(engines.redis.uri, silent)],
  ['without Redis', () => NO_CHANNEL],
];

test.each(CHANNELS)(
  'acknowledged means visible, on every replica, %s',
  async (_name, openChannel) => {
    const { replicas, write, end } = await startWorld(connection, [{}, {}, {}], openChannel);
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

test('what a change says it makes of the version before need not be read by anybody', async () => {
  let cutOff = false;
  // A poll that is quicker than Redis brings the change without it. Leases outlast what is done without polls.
  const hanging = (store: EpochStore): EpochStore => ({
    ...store,
    execute: (operation) => (cutOff ? new Promise(() => undefined) : store.execute(operation)),
  });
  const openChannel = () => openEpochChannel(engines.redis.uri, silent);
  const { replicas, reads, write, end } = await startWorld(
    connection,
    [{ store: hanging }, { store: hanging }],
    openChannel,
  );
  try {
    let value = 0;
    const change = async (): Promise<void> => {
      const before = reads();
      await write(++value, { telling: true });
      // At once, without an await: from memory.
      expect(replicas.map((replica) => replica.check(read))).toEqual([value, value]);
      expect(reads()).toBe(before);
    };
    // Redis is connected in the background: until then they hear through the database.
    await eventually(async () => {
      await Promise.all(replicas.map(async (replica) => replica.check(read)));
      await change();
    });
    cutOff = true;
    for (let more = 0; more < 5; more++) await change();
  } finally {
    cutOff = false;
    await end();
  }
}, 60_000);

test('a message on Redis that is nested deeply is noise, and what comes after it is heard', async () => {
  const openChannel = () => openEpochChannel(engines.redis.uri, silent);
  const { store, replicas, write, end } = await startWorld(connection, [{}], openChannel);
  const stranger = new Redis(engines.redis.uri);
  try {
    const generation = (await store.read())?.generation;
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    const event = `{"kind":"fact","id":"f","hashes":[],"delta":{"version":1,"fields":{"value":${deep}}}}`;
    const body = `{"type":"events","generation":"${generation}","events":[{"name":"x#1","event":${event}}]}`;
    await eventually(async () => {
      expect(await stranger.publish('latchkey:epoch', `{"mac":"guess","body":${body}}`)).toBeGreaterThan(0);
    });
    await write(1);
    expect(await replicas[0]?.check(read)).toBe(1);
  } finally {
    stranger.disconnect();
    await end();
  }
}, 60_000);

test('a replica cut off from the database stops answering before the write is acknowledged', async () => {
  let cutOff = false;
  const hanging = (store: EpochStore): EpochStore => ({
    ...store,
    execute: (operation) => (cutOff ? new Promise(() => undefined) : store.execute(operation)),
  });
  const { replicas, write, end } = await startWorld(connection, [{ store: hanging }, {}, {}]);
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
