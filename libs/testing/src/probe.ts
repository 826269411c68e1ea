import { randomBytes } from 'node:crypto';
import type mongoose from 'mongoose';
import { EngineError } from './engine';

/** What the probe needs of a database; a `MongoClient` has it. */
export interface ProbeTarget {
  db(name: string): mongoose.mongo.Db;
  startSession(): mongoose.mongo.ClientSession;
}

const CONCERN = { readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority', j: true } } as const;

/**
 * Tries on a database of its own, which is dropped afterwards, what Latchkey's guarantees rest on: unique indexes, transactions of which an
 * aborted one leaves nothing, and updates of which concurrent ones all count.
 * @throws EngineError naming what the engine got wrong. Takes well under a second.
 */
export async function probeDatabase(target: ProbeTarget): Promise<void> {
  const db = target.db(`latchkey_probe_${randomBytes(6).toString('hex')}`);
  try {
    // Before the first write: an index that is built while a transaction is open may miss its documents.
    await db.collection<Entry>('entries').createIndex({ name: 1 }, { unique: true });
    await db.collection<Entry>('others').createIndex({ name: 1 });
    await db.collection<Counter>('counters').createIndex({ count: 1 });
    await uniqueIndexIsEnforced(db);
    await transactionIsAllOrNothing(target, db);
    await concurrentUpdatesAllCount(db);
  } finally {
    await db.dropDatabase();
  }
}

interface Entry {
  _id: string;
  name: string;
}
interface Counter {
  _id: string;
  count: number;
}

function refuse(what: string): never {
  throw new EngineError(`the database was refused, because it ${what}. Name another one with MONGODB_URI.`);
}

async function uniqueIndexIsEnforced(db: mongoose.mongo.Db): Promise<void> {
  const entries = db.collection<Entry>('entries');
  await entries.insertOne({ _id: 'first', name: 'taken' });
  try {
    await entries.insertOne({ _id: 'second', name: 'taken' });
  } catch (error) {
    if ((error as { code?: number }).code === 11000) return;
    throw error;
  }
  refuse('accepts two documents with the same value under a unique index');
}

async function transactionIsAllOrNothing(target: ProbeTarget, db: mongoose.mongo.Db): Promise<void> {
  const collections = [db.collection<Entry>('entries'), db.collection<Entry>('others')];
  const found = async (id: string): Promise<number> =>
    (await Promise.all(collections.map((collection) => collection.findOne({ _id: id })))).filter((doc) => doc !== null)
      .length;
  const write = async (id: string, end: 'abort' | 'commit'): Promise<void> => {
    const session = target.startSession();
    try {
      session.startTransaction(CONCERN);
      for (const collection of collections) await collection.insertOne({ _id: id, name: id }, { session });
      if ((await found(id)) > 0) refuse('shows others what a transaction has written before it commits');
      await (end === 'abort' ? session.abortTransaction() : session.commitTransaction());
    } finally {
      await session.endSession();
    }
  };
  await write('aborted', 'abort');
  if ((await found('aborted')) > 0) refuse('keeps what an aborted transaction has written');
  await write('committed', 'commit');
  if ((await found('committed')) !== collections.length) refuse('loses what a committed transaction has written');
}

async function concurrentUpdatesAllCount(db: mongoose.mongo.Db): Promise<void> {
  const WRITERS = 8;
  const EACH = 10;
  const counters = db.collection<Counter>('counters');
  await counters.insertOne({ _id: 'c', count: 0 });
  const seen: (number | undefined)[] = [];
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      for (let i = 0; i < EACH; i += 1) {
        const after = await counters.findOneAndUpdate(
          { _id: 'c' },
          { $inc: { count: 1 } },
          { returnDocument: 'after' },
        );
        seen.push(after?.count);
      }
    }),
  );
  const total = (await counters.findOne({ _id: 'c' }))?.count;
  if (total !== WRITERS * EACH) refuse(`loses concurrent updates (${total} of ${WRITERS * EACH} increments counted)`);
  if (new Set(seen).size !== WRITERS * EACH) refuse('answers concurrent updates with the same state twice');
}
