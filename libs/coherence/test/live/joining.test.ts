import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '@latchkey/coherence';
import { eventually } from '@latchkey/testing';
import type mongoose from 'mongoose';
import { type EpochStore } from '../../src/live/epoch-store';
import { type EpochDocument } from '../../src/protocol';
import { type Engines, parameters, read, startEngines, startWorld } from './world';

let engines: Engines;
let connection: mongoose.Connection;
beforeAll(async () => {
  engines = await startEngines();
  connection = await openDatabase(engines.database.uri, 'live_test');
}, 60_000);
beforeEach(async () => void (await connection.collection('epochs').deleteMany({})));
afterAll(async () => {
  await connection?.close();
  await engines?.stop();
});

const listedIn = async (store: EpochStore): Promise<EpochDocument['replicas']> => (await store.read())?.replicas ?? {};

test('two processes with one configuration never share an incarnation, nor does a process with its former life', async () => {
  const seen = new Set<string>();
  for (let life = 1; life <= 3; life++) {
    const { store, replicas, write, end } = await startWorld(connection, [{}, {}]);
    try {
      const listed = Object.keys(await listedIn(store));
      expect(listed).toHaveLength(2);
      for (const id of listed) {
        expect(seen).not.toContain(id);
        seen.add(id);
      }
      await write(life);
      expect(await Promise.all(replicas.map(async (replica) => replica.check(read)))).toEqual([life, life]);
    } finally {
      await end();
    }
  }
}, 60_000);

test('a join that is answered too late leaves no entry that mutations would wait for', async () => {
  let joins = 0;
  // The first join executes at once; its answer comes when the replica no longer waits for it.
  const store = (real: EpochStore): EpochStore => ({
    ...real,
    execute: async (operation) => {
      const answer = await real.execute(operation);
      if (operation.op === 'join' && ++joins === 1) await sleep(parameters.leaseMs / 4 + 400);
      return answer;
    },
  });
  const { store: epoch, replicas, write, end } = await startWorld(connection, [{ store }]);
  try {
    expect(joins).toBe(2);
    await eventually(async () => expect(Object.keys(await listedIn(epoch))).toHaveLength(1), { timeoutMs: 1_500 });
    const from = performance.now();
    await write(1);
    expect(performance.now() - from).toBeLessThan(parameters.leaseMs / 2);
    expect(await replicas[0]?.check(read)).toBe(1);
  } finally {
    await end();
  }
}, 30_000);
