import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '@latchkey/coherence';
import { eventually } from '@latchkey/testing';
import type mongoose from 'mongoose';
import { type EpochStore } from '../../src/live/epoch-store';
import { type Engines, isValidAt, parameters, read, startEngines, startWorld, TurnedClock } from './world';

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

const HOUR_MS = 3_600_000;

test.each([
  ['an hour ahead', HOUR_MS],
  ['an hour behind', -HOUR_MS],
])(
  'a wall clock set %s: what expires is judged by database time',
  async (_name, jumpMs) => {
    const clock = new TurnedClock();
    const { replicas, write, end } = await startWorld(connection, [{ clock }]);
    const [replica] = replicas;
    if (!replica) throw new Error('there is no replica');
    try {
      // The database runs on this machine, so that its time is ours.
      const expires = Date.now() + 3_000;
      await write(1, { expires });
      clock.setWall(jumpMs);
      await eventually(async () => expect(await replica.check(isValidAt(replica))).toBe(true));
      expect(Date.now()).toBeLessThan(expires);
      await sleep(expires + 250 - Date.now());
      expect(await replica.check(isValidAt(replica))).toBe(false);
    } finally {
      await end();
    }
  },
  30_000,
);

test('a wall clock that jumps costs at most the lease until the next poll, and never a stale answer', async () => {
  const clock = new TurnedClock();
  const { replicas, write, end } = await startWorld(connection, [{ clock }, {}]);
  const [jumping] = replicas;
  if (!jumping) throw new Error('there is no replica');
  try {
    const outages: number[] = [];
    for (const [round, jumpMs] of [HOUR_MS, -HOUR_MS, 1_000, -1_000, HOUR_MS].entries()) {
      expect(await eventually(async () => jumping.check(read))).toBe(round);
      clock.setWall(jumpMs);
      const from = performance.now();
      // A jump back takes nothing; one ahead looks like a sleep, and a poll brings the lease back.
      await eventually(() => expect(jumping.serving).toBe(true), { timeoutMs: parameters.leaseMs, intervalMs: 5 });
      outages.push(performance.now() - from);
      expect(await jumping.check(read)).toBe(round);
      await write(round + 1);
      expect(await eventually(async () => jumping.check(read))).toBe(round + 1);
    }
    expect(Math.max(...outages)).toBeLessThan(parameters.leaseMs / 2);
  } finally {
    await end();
  }
}, 60_000);

test('a machine that was suspended answers nothing from memory before a poll that it has sent since', async () => {
  const clock = new TurnedClock();
  let asleep = false;
  // A machine that sleeps sends nothing and hears nothing.
  const store = (real: EpochStore): EpochStore => ({
    ...real,
    execute: (operation) => (asleep ? new Promise(() => undefined) : real.execute(operation)),
  });
  const { replicas, write, end } = await startWorld(connection, [{ clock, store }, {}]);
  const [sleeper] = replicas;
  if (!sleeper) throw new Error('there is no replica');
  try {
    await write(1);
    expect(await sleeper.check(read)).toBe(1);
    expect(sleeper.check(read)).toBe(1);
    clock.sleep();
    asleep = true;
    // Waits the sleeper's lease out, in true time.
    await write(2);
    clock.wake();
    // In the turn in which it wakes up, before anything else has run. Its monotonic clock says that the lease goes on.
    expect(sleeper.serving).toBe(false);
    const first = await Promise.resolve()
      .then(() => sleeper.check(read))
      .catch((error: unknown) => error);
    expect(first).toMatchObject({ code: 'UNAVAILABLE', reason: 'NO_LEASE' });
    asleep = false;
    expect(await eventually(async () => sleeper.check(read))).toBe(2);
  } finally {
    asleep = false;
    await end();
  }
}, 60_000);
