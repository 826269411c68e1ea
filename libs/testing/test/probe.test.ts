import { join } from 'node:path';
import mongoose from 'mongoose';
import { type Engine, probeDatabase, type ProbeTarget, startDatabase } from '../src';
import { scratchFolder } from './scratch';

type Db = mongoose.mongo.Db;
type Collection = mongoose.mongo.Collection;

const dir = scratchFolder();
let engine: Engine;
let client: mongoose.mongo.MongoClient;

beforeAll(async () => {
  engine = await startDatabase({ dir: join(dir, 'db'), log: () => undefined });
  client = await mongoose.mongo.MongoClient.connect(engine.uri);
});

afterAll(async () => {
  await client.close();
  await engine.stop();
});

/** The real database behind a client that breaks one promise: `lie` replaces methods of its collections. */
function lying(lie: (collection: Collection) => Partial<Record<keyof Collection, unknown>>): ProbeTarget {
  const overriding = <T extends object>(target: T, replaced: Partial<Record<keyof T, unknown>>): T =>
    new Proxy(target, {
      get(_, name) {
        const value: unknown = replaced[name as keyof T] ?? Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const db = (real: Db): Db =>
    overriding(real, {
      collection: (name: string) => {
        const collection = real.collection(name);
        return overriding(collection, lie(collection));
      },
    });
  return { db: (name) => db(client.db(name)), startSession: () => client.startSession() };
}

test('lying-engine-is-refused: the chosen database passes, and the probe leaves nothing behind', async () => {
  await probeDatabase(client);
  const { databases } = await client.db('admin').admin().listDatabases();
  expect(databases.map(({ name }) => name).filter((name) => name.startsWith('latchkey_probe'))).toEqual([]);
});

test('lying-engine-is-refused: transactions that are none', async () => {
  const target = lying((collection) => ({
    insertOne: (doc: mongoose.mongo.OptionalId<mongoose.mongo.Document>) => collection.insertOne(doc),
  }));
  await expect(probeDatabase(target)).rejects.toThrow(/refused.*transaction/);
});

test('lying-engine-is-refused: unique indexes that are none', async () => {
  const target = lying((collection) => ({ createIndex: (keys: { name: 1 }) => collection.createIndex(keys) }));
  await expect(probeDatabase(target)).rejects.toThrow(/refused.*unique index/);
});

test('lying-engine-is-refused: updates that read first and write later', async () => {
  const target = lying((collection) => ({
    findOneAndUpdate: async (filter: { _id: mongoose.mongo.ObjectId }) => {
      const before = await collection.findOne(filter);
      const count = Number(before?.count) + 1;
      await collection.updateOne(filter, { $set: { count } });
      return { ...before, count };
    },
  }));
  await expect(probeDatabase(target)).rejects.toThrow(/refused.*concurrent updates/);
});
