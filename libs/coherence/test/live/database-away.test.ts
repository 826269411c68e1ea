import { setTimeout as sleep } from 'node:timers/promises';
import { type LiveReplica, Mutations, openDatabase } from '@latchkey/coherence';
import { eventually, type Link, openDatabaseLink } from '@latchkey/testing';
import type mongoose from 'mongoose';
import { settledWithin } from '../../src/bounded';
import { AnswerCodec, call } from '../harness';
import { type Engines, type Facts, parameters, read, silent, startEngines, startWorld } from './world';

let engines: Engines;
let link: Link;
/** Through the link, as a service is connected. */
let connection: mongoose.Connection;
let direct: mongoose.Connection;
beforeAll(async () => {
  engines = await startEngines();
  const through = await openDatabaseLink(engines.database.uri);
  link = through.link;
  connection = await openDatabase(through.uri, 'live_test');
  direct = await openDatabase(engines.database.uri, 'live_test');
}, 60_000);
afterEach(() => link.set('open'));
afterAll(async () => {
  await connection?.close();
  await direct?.close();
  link?.close();
  await engines?.stop();
});

const untilNoLease = (replica: LiveReplica<Facts>) =>
  eventually(() => expect(replica.serving).toBe(false), { timeoutMs: 2 * parameters.leaseMs, intervalMs: 10 });

test.each(['blackHole', 'halfOpen'] as const)(
  'database away (%s): inside the lease checks go on, after it they are UNAVAILABLE with a retry hint, and back it needs no restart',
  async (broken) => {
    const { replicas, write, end } = await startWorld(connection, [{}]);
    const [replica] = replicas;
    if (!replica) throw new Error('there is no replica');
    try {
      await write(1);
      expect(await replica.check(read)).toBe(1);
      link.set(broken);
      const from = performance.now();
      // A poll may just have been answered, or be due: between L minus the interval and L from now, checks go on.
      let answers = 0;
      while (performance.now() - from < parameters.leaseMs / 2) {
        expect(replica.check(read)).toBe(1);
        answers++;
        await sleep(20);
      }
      expect(answers).toBeGreaterThan(10);
      await untilNoLease(replica);
      expect(performance.now() - from).toBeLessThan(parameters.leaseMs + 1_000);
      await expect(async () => replica.check(read)).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        reason: 'NO_LEASE',
        retryAfterMs: expect.any(Number) as number,
      });
      link.set('open');
      await eventually(async () => expect(await replica.check(read)).toBe(1), { timeoutMs: 20_000 });
      await write(2);
      expect(await replica.check(read)).toBe(2);
    } finally {
      link.set('open');
      await end();
    }
  },
  60_000,
);

test.each([
  // Nothing comes back from it until the caller's deadline, so that nobody can say that it is away.
  ['the database', { code: 'DEADLINE_EXCEEDED' }],
  ['only the epoch', { code: 'UNAVAILABLE', reason: 'NOT_YET_VISIBLE', retryAfterMs: expect.any(Number) as number }],
])(
  '%s away: a mutation is not acknowledged, and back it is, without a restart',
  async (what, error) => {
    const { barrier, end } = await startWorld(connection, [{}]);
    const own = what === 'the database' ? connection : direct;
    const mutations = new Mutations({ connection: own, log: silent, barrier });
    await mutations.prepare();
    const things = own.collection<{ _id: string; count: number }>('things');
    await things.deleteMany({});
    const change = (requestId: string) =>
      mutations.run(call({ requestId, deadline: Date.now() + 3_000 }), AnswerCodec, async (tx) => {
        tx.changed('role', 'f');
        await things.updateOne({ _id: 't' }, { $inc: { count: 1 } }, { upsert: true, session: tx.session });
        return tx.underway({ name: 'changed' });
      });
    try {
      await expect(change(`${what} 1`)).resolves.toMatchObject({ answer: { name: 'changed' } });
      link.set('blackHole');
      const outcome = await settledWithin(
        change(`${what} 2`).catch((error: unknown) => ({ error })),
        8_000,
      );
      expect(outcome?.value).toMatchObject({ error });
      link.set('open');
      await eventually(() => change(`${what} 2`), { timeoutMs: 30_000 });
      expect(await things.findOne({ _id: 't' })).toMatchObject({ count: 2 });
    } finally {
      link.set('open');
      await end();
    }
  },
  90_000,
);
