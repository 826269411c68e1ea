import { AppError } from '@latchkey/service';
import mongoose from 'mongoose';
import { typeid } from 'typeid-js';
import { type Accounted, type Checkpoint, Mutations, type Transaction } from '../src';
import { type ChangeEvent } from '../src/protocol';
import {
  type Answer,
  AnswerCodec,
  call,
  capturedLog,
  connectTo,
  startTestDatabase,
  type TestDatabase,
  type Thing,
  wireTo,
} from './harness';

let database: TestDatabase;
let connection: mongoose.Connection;
let mutations: Mutations;
let things: mongoose.mongo.Collection<Thing>;
const ORGANIZATION = typeid('org').toString();

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
  things = await prepareThings(connection);
});

async function prepareThings(of: mongoose.Connection): Promise<mongoose.mongo.Collection<Thing>> {
  if (of.db === undefined) throw new Error('not connected');
  await of.db.createCollection('things').catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 48) throw error;
  });
  return of.db.collection<Thing>('things');
}

async function stored(): Promise<{ things: number; audit: number; outbox: number; requests: number }> {
  const count = async (name: string): Promise<number> => (await connection.collection(name).find({}).toArray()).length;
  return {
    things: await count('things'),
    audit: await count('audit_entries'),
    outbox: await count('outbox'),
    requests: await count('requests'),
  };
}

/** State, audit entry and promised work, as every mutation has them. */
async function createThing(tx: Transaction, id = 'thing'): Promise<Accounted<Answer>> {
  await things.insertOne({ _id: id, count: 0 }, { session: tx.session });
  tx.enqueue({ kind: 'thing-created', key: id, payload: { id } });
  const object = { kind: 'thing', id };
  return tx.audited({ name: id }, { organizationId: ORGANIZATION, object, changed: ['count'] });
}

const NOTHING = { things: 0, audit: 0, outbox: 0, requests: 0 };

describe('one transaction', () => {
  it('state-audit-outbox-commit-together: all of them, and the answer', async () => {
    const { answer, replayed } = await mutations.run(call(), AnswerCodec, (tx) => createThing(tx));
    expect({ answer, replayed }).toEqual({ answer: { name: 'thing' }, replayed: false });
    expect(await stored()).toEqual({ things: 1, audit: 1, outbox: 1, requests: 0 });
  });

  it('state-audit-outbox-commit-together: none of them when the change throws', async () => {
    const refused = new AppError({ code: 'FAILED_PRECONDITION', reason: 'NO', message: 'no' });
    const run = mutations.run(call({ requestId: 'r1' }), AnswerCodec, async (tx) => {
      await createThing(tx);
      throw refused;
    });
    await expect(run).rejects.toBe(refused);
    expect(await stored()).toEqual(NOTHING);
  });

  it('state-audit-outbox-commit-together: none of them when it ends just before the commit', async () => {
    const steps: string[] = [];
    const checkpoint: Checkpoint = (step) => {
      steps.push(step);
      return step.endsWith(':before-commit') ? Promise.reject(new Error('crash')) : Promise.resolve();
    };
    const crashing = new Mutations({ connection, log: capturedLog().log, checkpoint });
    await expect(crashing.run(call({ requestId: 'r1' }), AnswerCodec, (tx) => createThing(tx))).rejects.toThrow(
      'crash',
    );
    expect(steps).toEqual(['CreateThing:before-commit']);
    expect(await stored()).toEqual(NOTHING);
  });

  it('committed-before-anything-else: the checkpoint and the relay are called after the commit', async () => {
    const seen: unknown[] = [];
    const record = async (what: string): Promise<void> => void seen.push([what, (await stored()).things]);
    const observed = new Mutations({
      connection,
      log: capturedLog().log,
      checkpoint: record,
      afterEnqueue: () => void seen.push('afterEnqueue'),
    });
    await observed.run(call(), AnswerCodec, (tx) => createThing(tx));
    expect(seen).toEqual([['CreateThing:before-commit', 0], ['CreateThing:committed', 1], 'afterEnqueue']);
  });

  it('accounted-for: an answer that says nothing of the trail is a type error, and changes nothing', async () => {
    const run = mutations.run(
      call({ requestId: 'r1' }),
      AnswerCodec,
      // @ts-expect-error: neither audited, nor unchanged, nor underway
      async (tx): Promise<Answer> => (await createThing(tx)).answer,
    );
    await expect(run).rejects.toThrow(TypeError);
    expect(await stored()).toEqual(NOTHING);
  });

  it('accounted-for: what says that it changes nothing may not promise work, nor say what becomes of an entity', async () => {
    const promising = mutations.run(call(), AnswerCodec, async (tx) => tx.unchanged((await createThing(tx)).answer));
    await expect(promising).rejects.toThrow('changes nothing, and yet');
    const renewing = mutations.run(call(), AnswerCodec, async (tx) => {
      await things.insertOne({ _id: 'thing', count: 0 }, { session: tx.session });
      tx.changed('key', 'k');
      tx.renewed('key', 'k', { version: 2, fields: {} });
      return tx.unchanged({ name: 'thing' });
    });
    await expect(renewing).rejects.toThrow('changes nothing, and yet');
    expect(await stored()).toEqual(NOTHING);
  });

  it('accounted-for: what finds nothing to change leaves no entry', async () => {
    const { answer } = await mutations.run(call(), AnswerCodec, (tx) => Promise.resolve(tx.unchanged({ name: 'so' })));
    expect(answer).toEqual({ name: 'so' });
    expect(await stored()).toEqual(NOTHING);
  });

  it('run-twice-recorded-once: a conflict runs the change again and leaves one entry of each kind', async () => {
    await things.insertOne({ _id: 'contended', count: 0 });
    let attempts = 0;
    await mutations.run(call({ requestId: 'r1' }), AnswerCodec, async (tx) => {
      attempts += 1;
      tx.enqueue({ kind: 'thing-created', key: `attempt-${attempts}`, payload: {} });
      await things.findOne({ _id: 'contended' }, { session: tx.session });
      if (attempts === 1) await things.updateOne({ _id: 'contended' }, { $inc: { count: 10 } });
      await things.updateOne({ _id: 'contended' }, { $inc: { count: 1 } }, { session: tx.session });
      return tx.audited(
        { name: 'contended' },
        { organizationId: ORGANIZATION, object: { kind: 'thing', id: 'contended' } },
      );
    });
    expect(attempts).toBe(2);
    expect(await things.findOne({})).toEqual({ _id: 'contended', count: 11 });
    expect(await stored()).toEqual({ things: 1, audit: 1, outbox: 1, requests: 1 });
    expect(await connection.collection('outbox').findOne({})).toMatchObject({ key: 'attempt-2' });
  });

  it('no-lost-update: every one of many writers at once counts', async () => {
    await things.insertOne({ _id: 'contended', count: 0 });
    await Promise.all(
      Array.from({ length: 10 }, () =>
        mutations.run(call(), AnswerCodec, async (tx) => {
          const { session } = tx;
          const before = await things.findOne({ _id: 'contended' }, { session });
          await things.updateOne({ _id: 'contended' }, { $set: { count: (before?.count ?? 0) + 1 } }, { session });
          return tx.underway({ name: '' });
        }),
      ),
    );
    expect(await things.findOne({})).toMatchObject({ count: 10 });
  });

  it('durable-by-code: snapshot, majority and journal are stated whatever the URI says', async () => {
    const sent: mongoose.mongo.CommandStartedEvent[] = [];
    connection.getClient().on('commandStarted', (event) => void sent.push(event));
    await mutations.run(call({ requestId: 'r1' }), AnswerCodec, (tx) => createThing(tx));
    const [first] = sent;
    expect(first?.command).toMatchObject({ startTransaction: true, readConcern: { level: 'snapshot' } });
    const commit = sent.filter(({ commandName }) => commandName === 'commitTransaction');
    expect(commit).toHaveLength(1);
    expect(commit[0]?.command).toMatchObject({ writeConcern: { w: 'majority', j: true } });
    // Everything in between belongs to the transaction.
    for (const { command } of sent.slice(1)) expect(command).toMatchObject({ autocommit: false });
  });
});

describe('request ids', () => {
  const create = (ctx: Parameters<typeof call>[0], id: string) =>
    mutations.run(call(ctx), AnswerCodec, (tx) => createThing(tx, id));

  it('repeat-returns-first-answer: and changes nothing', async () => {
    await create({ requestId: 'r1' }, 'first');
    const before = await stored();
    expect(await create({ requestId: 'r1' }, 'second')).toEqual({ answer: { name: 'first' }, replayed: true });
    expect(await stored()).toEqual(before);
  });

  it('a refused request leaves its id unused', async () => {
    await create({}, 'taken');
    await expect(create({ requestId: 'r1' }, 'taken')).rejects.toMatchObject({ code: 11000 });
    expect(await create({ requestId: 'r1' }, 'free')).toEqual({ answer: { name: 'free' }, replayed: false });
  });

  it('reused-request-id-refused: names the field', async () => {
    await create({ requestId: 'r1', content: 'one' }, 'one');
    const before = await stored();
    await expect(create({ requestId: 'r1', content: 'other' }, 'other')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'REQUEST_ID_REUSED',
      violations: [{ field: 'request_id' }],
    });
    expect(await stored()).toEqual(before);
  });

  it('request-ids-are-private: another actor, caller or RPC has its own', async () => {
    const contexts: Parameters<typeof call>[0][] = [
      {},
      { actor: { userId: 'user_bob', principalId: 'mem_bob' } },
      { actor: { userId: 'user_alice' } },
      { actor: undefined, caller: 'identity' },
      { actor: undefined, caller: 'worker' },
      { rpc: 'latchkey.test.v1.ThingService/ImportThing' },
    ];
    for (const [i, context] of contexts.entries()) {
      expect(await create({ ...context, requestId: 'r1' }, `thing-${i}`)).toMatchObject({ replayed: false });
    }
    expect(
      await create({ requestId: 'r1', actor: { principalId: 'mem_alice', keyId: 'pat_other' } }, 'x'),
    ).toMatchObject({
      replayed: true,
    });
  });

  it('concurrent-repeats-run-once: all get the one answer', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, (_, i) => create({ requestId: 'r1' }, `attempt-${i}`)));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ answer }) => answer.name)).size).toBe(1);
    expect(await stored()).toEqual({ things: 1, audit: 1, outbox: 1, requests: 1 });
  });

  it('first answers are kept for a day', async () => {
    const indexes = await connection.collection('requests').indexes();
    expect(indexes).toContainEqual(expect.objectContaining({ key: { createdAt: 1 }, expireAfterSeconds: 86_400 }));
  });
});

describe('deadlines and lost answers', () => {
  it('too-late-changes-nothing: the deadline has passed, or the caller has gone between two attempts', async () => {
    const late = mutations.run(call({ deadline: Date.now() - 1 }), AnswerCodec, (tx) => createThing(tx));
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const gone = new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'the caller has gone' });
    const hungUp = mutations.run(call({ signal: AbortSignal.abort(gone) }), AnswerCodec, (tx) => createThing(tx));
    await expect(hungUp).rejects.toBe(gone);
    expect(await stored()).toEqual(NOTHING);
  });

  it('endless-conflict-ends-in-time: with nothing changed', async () => {
    await things.insertOne({ _id: 'contended', count: 0 });
    const began = Date.now();
    const run = mutations.run(call({ deadline: began + 1_500 }), AnswerCodec, async (tx) => {
      await things.findOne({ _id: 'contended' }, { session: tx.session });
      await things.updateOne({ _id: 'contended' }, { $inc: { count: 1 } });
      await things.updateOne({ _id: 'contended' }, { $inc: { count: 1_000_000 } }, { session: tx.session });
      return tx.underway({ name: '' });
    });
    await expect(run).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(Date.now() - began).toBeLessThan(2_500);
    expect((await things.findOne({}))?.count).toBeLessThan(1_000_000);
  });

  it('commit-unknown-then-repeat: a lost answer is told within the deadline, and the repeat changes nothing twice', async () => {
    const wire = await wireTo(database.uri);
    const remote = await connectTo(wire.uri, connection.name);
    try {
      let cuts = 1;
      const overWire = new Mutations({
        connection: remote,
        log: capturedLog().log,
        checkpoint: (step) => {
          if (step.endsWith(':before-commit') && cuts-- > 0) wire.cut();
          return Promise.resolve();
        },
      });
      const remoteThings = await prepareThings(remote);
      const increment = async (timeoutMs: number) =>
        overWire.run(call({ requestId: 'r1', deadline: Date.now() + timeoutMs }), AnswerCodec, async (tx) => {
          await remoteThings.updateOne(
            { _id: 'counter' },
            { $inc: { count: 1 } },
            { upsert: true, session: tx.session },
          );
          return tx.underway({ name: 'counted' });
        });
      const began = Date.now();
      await expect(increment(1_500)).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'COMMIT_UNKNOWN' });
      expect(Date.now() - began).toBeLessThan(1_500);
      wire.mend();
      expect(await increment(15_000)).toMatchObject({ answer: { name: 'counted' } });
      expect(await things.findOne({})).toEqual({ _id: 'counter', count: 1 });
    } finally {
      wire.mend();
      await remote.close();
      await wire.close();
    }
  });
});

describe('promised work', () => {
  const outbox = async (): Promise<unknown[]> => await connection.collection('outbox').find({}).toArray();
  const run = async (change: (tx: Transaction) => Promise<void> | void) =>
    mutations.run(call(), AnswerCodec, async (tx) => {
      await change(tx);
      return tx.underway({ name: '' });
    });

  it('promising the same again leaves one entry, due anew with the new payload', async () => {
    await run((tx) => tx.enqueue({ kind: 'k', key: 'a', payload: { n: 1 }, delayMs: 60_000 }));
    await connection.collection('outbox').updateOne({}, { $set: { leaseOwner: 'a relay', attempts: 3 } });
    const before = Date.now();
    await run((tx) => tx.enqueue({ kind: 'k', key: 'a', payload: { n: 2 } }));
    const [entry, ...others] = (await outbox()) as { nextAttemptAt: Date }[];
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ kind: 'k', key: 'a', payload: { n: 2 }, attempts: 0 });
    expect(entry).not.toHaveProperty('leaseOwner');
    expect(entry?.nextAttemptAt.getTime()).toBeLessThan(before + 10_000);
  });

  it('settle takes a promise back, of before or of the same change', async () => {
    await run((tx) => tx.enqueue({ kind: 'k', key: 'a', payload: {} }));
    await run(async (tx) => {
      tx.enqueue({ kind: 'k', key: 'b', payload: {} });
      await tx.settle('k', 'a', { mustExist: true });
      await tx.settle('k', 'b', { mustExist: true });
      await tx.settle('k', 'never-promised');
    });
    expect(await outbox()).toEqual([]);
  });

  it('settled-once: of two that finish the same work, one is told and changes nothing', async () => {
    await run((tx) => tx.enqueue({ kind: 'k', key: 'a', payload: {} }));
    const finish = (id: string) =>
      run(async (tx) => {
        await tx.settle('k', 'a', { mustExist: true });
        await things.insertOne({ _id: id, count: 1 }, { session: tx.session });
      });
    const outcomes = await Promise.allSettled([finish('one'), finish('two')]);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed).toEqual([
      {
        status: 'rejected',
        reason: expect.objectContaining({ code: 'ABORTED', reason: 'SETTLED_ELSEWHERE' }) as Error,
      },
    ]);
    expect((await stored()).things).toBe(1);
  });
});

it('refused-before-made: a change that could not be made visible is not made, and leaves nothing behind', async () => {
  const behind = new AppError({ code: 'UNAVAILABLE', reason: 'EPOCH_BEHIND', message: 'behind' });
  const barrier = {
    admit: () => {
      throw behind;
    },
    pass: () => Promise.reject(new Error('nothing was to pass')),
  };
  const refusing = new Mutations({ connection, log: capturedLog().log, barrier });
  await expect(refusing.run(call(), AnswerCodec, (tx) => createThing(tx))).rejects.toBe(behind);
  expect(await stored()).toEqual({ things: 0, audit: 0, outbox: 0, requests: 0 });
});

it('told-not-stored: what a change makes of an entity is told when it has committed, and neither kept nor repeated', async () => {
  const told: ChangeEvent[][] = [];
  const barrier = {
    admit: () => 'g1',
    pass: (events: readonly ChangeEvent[], _ctx: unknown, _onBumped: unknown, madeIn?: string) => {
      told.push([...events]);
      expect(madeIn).toBe('g1');
      return Promise.reject(new Error('nobody is to be told once more by a sweeper'));
    },
  };
  const telling = new Mutations({ connection, log: capturedLog().log, barrier });
  const delta = { version: 8, fields: { state: 'DISABLED' } };
  let attempts = 0;
  const change = () =>
    telling.run(call({ requestId: 'one' }), AnswerCodec, (tx) => {
      tx.changed('key', 'k');
      tx.changed('member', 'm');
      // Of an attempt that is given up nothing is told.
      if (attempts++ === 0) {
        tx.renewed('member', 'm', delta);
        const conflict = new mongoose.mongo.MongoServerError({ message: 'conflict' });
        conflict.addErrorLabel('TransientTransactionError');
        throw conflict;
      }
      tx.renewed('key', 'k', delta);
      return Promise.resolve(tx.underway({ name: 'answer' }));
    });
  await expect(change()).rejects.toThrow('once more');
  await expect(change()).rejects.toThrow('once more');
  const bare = [
    { kind: 'key', id: 'k', hashes: [] },
    { kind: 'member', id: 'm', hashes: [] },
  ];
  expect(told).toEqual([[{ ...bare[0], delta }, bare[1]], bare]);
  expect(attempts).toBe(2);
  await expect(
    telling.run(call(), AnswerCodec, (tx) => {
      tx.renewed('key', 'k', delta);
      return Promise.resolve(tx.underway({ name: 'answer' }));
    }),
  ).rejects.toThrow('was not changed');
  const promised = await connection.collection('outbox').find({}).toArray();
  const kept = await connection.collection('requests').find({}).toArray();
  expect(JSON.stringify([promised, kept])).toContain('member');
  expect(JSON.stringify([promised, kept])).not.toContain('DISABLED');
});
