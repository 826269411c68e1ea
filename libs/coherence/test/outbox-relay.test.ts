import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@latchkey/testing';
import type mongoose from 'mongoose';
import { type Enqueued, Mutations, type OutboxEntry, OutboxRelay, type OutboxRelayOptions } from '../src';
import { AnswerCodec, call, capturedLog, startTestDatabase, type TestDatabase } from './harness';

let database: TestDatabase;
let connection: mongoose.Connection;
let mutations: Mutations;
const relays: OutboxRelay[] = [];

beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(async () => {
  await database.stop();
});
beforeEach(async () => {
  connection = await database.open();
  mutations = new Mutations({ connection, log: capturedLog().log });
  await mutations.prepare();
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
});

const NEVER = (): Promise<never> => new Promise(() => undefined);

async function promise(...work: Partial<Enqueued>[]): Promise<void> {
  await mutations.run(call(), AnswerCodec, (tx) => {
    for (const one of work) tx.enqueue({ kind: 'deed', key: 'one', payload: { id: 'x' }, ...one });
    return Promise.resolve(tx.underway({ name: '' }));
  });
}

function relay(options: Partial<OutboxRelayOptions>): OutboxRelay {
  const { log } = capturedLog();
  const created = new OutboxRelay({ connection, handlers: {}, log, pollMs: 25, stopMs: 200, ...options });
  relays.push(created);
  created.start();
  return created;
}

interface Row {
  key: string;
  attempts: number;
  nextAttemptAt: Date;
}
const left = async (): Promise<Row[]> => (await connection.collection('outbox').find({}).toArray()) as unknown as Row[];
const emptied = (): Promise<void> => eventually(async () => expect(await left()).toEqual([]));

describe('the outbox relay', () => {
  it('delivers with every default, also where an option is given as undefined', async () => {
    await promise({});
    relay({
      handlers: { deed: () => Promise.resolve('done' as const) },
      checkpoint: undefined,
      now: undefined,
      random: undefined,
      leaseMs: undefined,
    });
    await emptied();
  });

  it('delivers what was promised, with its payload, and then forgets it', async () => {
    const seen: OutboxEntry[] = [];
    const steps: string[] = [];
    await promise({ payload: { id: 'x', count: 3, ids: ['a', 'b'] } });
    relay({
      handlers: { deed: (entry) => Promise.resolve(void seen.push(entry)).then(() => 'done' as const) },
      checkpoint: (step) => Promise.resolve(void steps.push(step)),
    });
    await emptied();
    expect(seen).toEqual([
      {
        kind: 'deed',
        key: 'one',
        payload: { id: 'x', count: 3, ids: ['a', 'b'] },
        createdAt: expect.any(Date) as Date,
        attempt: 1,
      },
    ]);
    expect(steps).toEqual(['relay:deed:claimed', 'relay:deed:handled']);
  });

  it('poke-beats-the-poll: new work is delivered at once, however often it comes', async () => {
    let count = 0;
    const poked = relay({
      pollMs: 60_000,
      handlers: { deed: () => Promise.resolve(void (count += 1)).then(() => 'done' as const) },
    });
    const announcing = new Mutations({ connection, log: capturedLog().log, afterEnqueue: () => poked.poke() });
    for (let i = 1; i <= 10; i += 1) {
      await announcing.run(call(), AnswerCodec, (tx) => {
        tx.enqueue({ kind: 'deed', key: `k${i}`, payload: {} });
        return Promise.resolve(tx.underway({ name: '' }));
      });
    }
    await emptied();
    expect(count).toBe(10);
  });

  it('not-before-it-is-due', async () => {
    const began = Date.now();
    let deliveredAt = 0;
    await promise({ delayMs: 600 });
    relay({ handlers: { deed: () => Promise.resolve(void (deliveredAt = Date.now())).then(() => 'done' as const) } });
    await emptied();
    expect(deliveredAt - began).toBeGreaterThanOrEqual(600);
  });

  it('relay-delivers-after-crash: what was claimed and never finished is delivered when the lease ends, not before', async () => {
    await promise({});
    const claimed: number[] = [];
    const crashed = relay({ leaseMs: 800, stopMs: 10, handlers: { deed: () => (claimed.push(Date.now()), NEVER()) } });
    await eventually(() => expect(claimed).toHaveLength(1));
    await crashed.stop();
    const seen: [number, number][] = [];
    relay({ leaseMs: 800, handlers: { deed: async ({ attempt }) => (seen.push([Date.now(), attempt]), 'done') } });
    await emptied();
    expect(seen).toEqual([[expect.any(Number), 2]]);
    // The lease began a moment before the handler did.
    expect((seen[0]?.[0] ?? 0) - (claimed[0] ?? 0)).toBeGreaterThan(600);
  });

  it('crash between the deed and its record: delivered again, never lost', async () => {
    await promise({});
    const seen: number[] = [];
    let crash = true;
    relay({
      leaseMs: 300,
      handlers: { deed: async ({ attempt }) => (seen.push(attempt), 'done') },
      checkpoint: async (step) => {
        if (step === 'relay:deed:handled' && crash) {
          crash = false;
          throw new Error('crash');
        }
      },
    });
    await emptied();
    expect(seen).toEqual([1, 2]);
  });

  it('two-relays-one-outbox: each entry is delivered by one of them, once', async () => {
    const keys = Array.from({ length: 60 }, (_, i) => `k${String(i).padStart(2, '0')}`);
    await promise(...keys.map((key) => ({ key })));
    const seen: string[][] = [[], []];
    for (const mine of seen) {
      relay({
        handlers: {
          deed: async ({ key }) => {
            mine.push(key);
            await sleep(5);
            return 'done';
          },
        },
      });
    }
    await emptied();
    expect(seen.flat().sort()).toEqual(keys);
    expect(seen.map((mine) => mine.length > 0)).toEqual([true, true]);
  });

  it('failed-deliveries-are-repeated: ever later, spread by chance, and logged by id', async () => {
    await promise({});
    const { log, lines } = capturedLog();
    const began: number[] = [];
    relay({
      log,
      random: () => 0,
      handlers: {
        deed: async () => {
          began.push(Date.now());
          if (began.length < 3) throw new Error('not today');
          return 'done';
        },
      },
    });
    await emptied();
    const [first = 0, second = 0, third = 0] = began;
    expect(began).toHaveLength(3);
    expect(second - first).toBeGreaterThanOrEqual(250);
    expect(third - second).toBeGreaterThanOrEqual(500);
    expect(lines.filter((line) => line.includes('not today') && line.includes('"outboxKey":"one"'))).toHaveLength(2);
  });

  it('one entry that always fails does not hold the others up', async () => {
    await promise({ key: 'bad' }, ...Array.from({ length: 5 }, (_, i) => ({ key: `good${i}` })));
    relay({
      concurrency: 1,
      handlers: {
        deed: async ({ key }) => {
          if (key === 'bad') throw new Error('always');
          return 'done';
        },
      },
    });
    await eventually(async () => expect((await left()).map(({ key }) => key)).toEqual(['bad']));
  });

  it('againInMs brings the entry back, as a first attempt', async () => {
    await promise({});
    const seen: [number, number][] = [];
    relay({
      handlers: {
        deed: async ({ attempt }) => {
          seen.push([attempt, Date.now()]);
          return seen.length === 1 ? { againInMs: 300 } : 'done';
        },
      },
    });
    await emptied();
    expect(seen.map(([attempt]) => attempt)).toEqual([1, 1]);
    expect((seen[1]?.[1] ?? 0) - (seen[0]?.[1] ?? 0)).toBeGreaterThanOrEqual(295);
  });

  it('promised-again-while-being-delivered: the newer promise is kept and delivered', async () => {
    await promise({ payload: { version: 1 } });
    const seen: unknown[] = [];
    relay({
      handlers: {
        deed: async ({ payload }) => {
          seen.push(payload.version);
          if (payload.version === 1) await promise({ payload: { version: 2 } });
          return 'done';
        },
      },
    });
    await emptied();
    expect(seen).toEqual([1, 2]);
  });

  it('settled-while-being-delivered: what a change has settled is not brought back', async () => {
    await promise({});
    let count = 0;
    relay({
      handlers: {
        deed: async () => {
          count += 1;
          await mutations.run(call(), AnswerCodec, async (tx) => {
            await tx.settle('deed', 'one', { mustExist: true });
            return tx.underway({ name: '' });
          });
          return { againInMs: 0 };
        },
      },
    });
    await emptied();
    await sleep(150);
    expect([await left(), count]).toEqual([[], 1]);
  });

  it('unknown-kinds-are-kept: for a relay that knows them', async () => {
    await promise({ kind: 'newer' }, { kind: 'deed' });
    relay({ handlers: { deed: () => Promise.resolve('done') } });
    await eventually(async () => expect(await left()).toMatchObject([{ kind: 'newer', attempts: 0 }]));
    relay({ handlers: { newer: () => Promise.resolve('done') } });
    await emptied();
  });

  it('bounded-concurrency: never more at a time than allowed, and never idle for it', async () => {
    await promise(...Array.from({ length: 12 }, (_, i) => ({ key: `k${i}` })));
    let [now, most] = [0, 0];
    const began = Date.now();
    relay({
      pollMs: 60_000,
      concurrency: 3,
      handlers: {
        deed: async () => {
          now += 1;
          most = Math.max(most, now);
          await sleep(50);
          now -= 1;
          return 'done';
        },
      },
    });
    await emptied();
    expect(most).toBe(3);
    // The end of a delivery makes room at once; waiting for the poll would take minutes.
    expect(Date.now() - began).toBeLessThan(5_000);
  });

  it('stop-waits-for-what-runs: and claims nothing more', async () => {
    await promise({ key: 'a' }, { key: 'b' });
    let [begun, finished] = [0, 0];
    const stopping = relay({
      concurrency: 1,
      stopMs: 5_000,
      handlers: {
        deed: async () => {
          begun += 1;
          await sleep(200);
          finished += 1;
          return 'done';
        },
      },
    });
    await eventually(() => expect(begun).toBe(1));
    await stopping.stop();
    expect([begun, finished]).toEqual([1, 1]);
    expect(await left()).toHaveLength(1);
  });

  it('stop-is-bounded: a handler that hangs is told by its signal', async () => {
    await promise({});
    let told: AbortSignal | undefined;
    const stopping = relay({ stopMs: 100, handlers: { deed: (_entry, { signal }) => ((told = signal), NEVER()) } });
    await eventually(() => expect(told).toBeDefined());
    const began = Date.now();
    await stopping.stop();
    expect(Date.now() - began).toBeLessThan(1_000);
    expect(told?.aborted).toBe(true);
  });

  it('a handler is told when its lease ends', async () => {
    await promise({});
    const signals: AbortSignal[] = [];
    relay({ leaseMs: 200, handlers: { deed: (_entry, { signal }) => (signals.push(signal), NEVER()) } });
    await eventually(() => expect(signals[0]?.aborted).toBe(true));
  });

  it('survives-its-database: goes on when a read fails', async () => {
    const { log, lines } = capturedLog();
    let failures = 2;
    // A clock that throws is a claim that throws.
    const now = (): Date => {
      if (failures-- > 0) throw new Error('no database today');
      return new Date();
    };
    await promise({});
    relay({ log, now, handlers: { deed: () => Promise.resolve('done') } });
    await emptied();
    expect(lines.filter((line) => line.includes('no database today'))).toHaveLength(2);
  });
});
