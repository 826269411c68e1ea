import { randomBytes } from 'node:crypto';
import type mongoose from 'mongoose';
import { DURABLE } from '../collections';
import { type EpochDocument, type EpochOperation, firstDocument, type Watermark } from '../protocol';

/** The epoch's own database: every service opens it, and nothing but this file touches it. */
export const EPOCH_DATABASE = 'latchkey_coherence';

const ID = 'epoch';
type Stored = Omit<EpochDocument, 'at'> & { readonly _id: string; readonly at: Date };
type Filter = mongoose.mongo.Filter<Stored>;
type Update = mongoose.mongo.UpdateFilter<Stored>;

/** The one document in MongoDB. Each operation is one durable findOneAndUpdate: a deposed primary cannot complete it. */
export interface EpochStore {
  /** The document after the operation; undefined where its conditions did not hold. */
  execute(operation: EpochOperation): Promise<EpochDocument | undefined>;
  read(): Promise<EpochDocument>;
}

/** Makes the first document where there is none. */
export async function openEpochStore(connection: mongoose.Connection): Promise<EpochStore> {
  const { db } = connection;
  if (db === undefined) throw new Error('the database connection must be open');
  const epochs = db.collection<Stored>('epochs');
  await makeFirst(epochs);
  return {
    async execute(operation) {
      const { filter, update } = translated(operation);
      const after = await epochs.findOneAndUpdate(
        { _id: ID, ...filter },
        { ...update, $currentDate: { at: true } },
        { returnDocument: 'after', writeConcern: DURABLE },
      );
      return after === null ? undefined : documentOf(after);
    },
    async read() {
      const found = await epochs.findOne({ _id: ID }, { readConcern: 'majority', readPreference: 'primary' });
      if (found === null) throw new Error('the epoch document is gone');
      return documentOf(found);
    },
  };
}

async function makeFirst(epochs: mongoose.mongo.Collection<Stored>): Promise<void> {
  const generation = `${new Date().toISOString()}-${randomBytes(6).toString('hex')}`;
  const { at, ...first } = firstDocument(generation, randomBytes(32).toString('hex'), Date.now());
  await epochs.updateOne(
    { _id: ID },
    { $setOnInsert: { ...first, at: new Date(at) } },
    { upsert: true, writeConcern: DURABLE },
  );
}

function documentOf({ generation, macKey, seq, ring, replicas, frozen, at }: Stored): EpochDocument {
  return { generation, macKey, seq, ring, replicas, frozen, at: at.getTime() };
}

/** The conditions and changes of `execute` in the protocol, in the database's words. Incarnations hold no '.' and no '$'. */
function translated(operation: EpochOperation): { filter: Filter; update: Update } {
  switch (operation.op) {
    case 'join': {
      const entry = `replicas.${operation.incarnation}`;
      return {
        filter: { [entry]: { $exists: false }, ...notBehind(operation.remembered) },
        update: { $set: { [entry]: { ack: 0, poll: 0, lease: operation.lease } } },
      };
    }
    case 'poll': {
      const entry = `replicas.${operation.incarnation}`;
      return {
        filter: { generation: operation.generation, [`${entry}.poll`]: { $gte: operation.confirmed } },
        update: { $max: { [`${entry}.ack`]: operation.ack }, $inc: { [`${entry}.poll`]: 1 } },
      };
    }
    case 'bump':
      return {
        filter: { frozen: false, ...notBehind(operation.remembered) },
        update: {
          $inc: { seq: operation.events.length },
          $push: { ring: { $each: [...operation.events], $slice: -operation.ringSize } },
        },
      };
    case 'prune': {
      const entry = `replicas.${operation.incarnation}`;
      return {
        filter: { generation: operation.generation, [`${entry}.poll`]: operation.poll },
        update: { $unset: { [entry]: '' } },
      };
    }
    case 'leave': {
      const entry = `replicas.${operation.incarnation}`;
      return {
        filter: { generation: operation.generation, [entry]: { $exists: true } },
        update: { $unset: { [entry]: '' } },
      };
    }
    case 'restore': {
      const { generation, macKey, previous } = operation;
      return {
        filter: { generation: { $eq: previous, $lt: generation } },
        update: { $set: { generation, macKey, replicas: {}, ring: [], frozen: true } },
      };
    }
    case 'thaw':
      return { filter: { generation: operation.generation }, update: { $set: { frozen: false } } };
  }
}

function notBehind(remembered: Watermark | undefined): Filter {
  if (remembered === undefined) return {};
  const { generation, seq } = remembered;
  return { $or: [{ generation: { $gt: generation } }, { generation, seq: { $gte: seq } }] };
}
