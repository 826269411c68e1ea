import { randomBytes } from 'node:crypto';
import type mongoose from 'mongoose';
import { DURABLE } from '../collections';
import { type Announcement, type EpochDocument, type EpochOperation, firstDocument, type Watermark } from '../protocol';
import { parsedJson } from './parsed-json';

/** The epoch's own database: every service opens it, and nothing but this file touches it. */
export const EPOCH_DATABASE = 'latchkey_coherence';

const ID = 'epoch';
/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off, ms. */
const READ_LIMIT_MS = 5_000;
/** Named one by one, since a database may copy a document to leave one field out. */
const WITHOUT_RING = { projection: { generation: 1, macKey: 1, seq: 1, replicas: 1, frozen: 1, at: 1 } };

interface Stored extends Omit<EpochDocument, 'at' | 'ring'> {
  readonly _id: string;
  readonly at: Date;
  /** See {@link storedText}. */
  readonly ring?: readonly unknown[];
  /** See {@link EpochStore.markKey}. No operation of the protocol knows it. */
  readonly markKey?: string;
}
type Filter = mongoose.mongo.Filter<Stored>;
type Update = mongoose.mongo.UpdateFilter<Stored>;

/** The one document in MongoDB. Each operation is one durable findOneAndUpdate: a deposed primary cannot complete it. */
export interface EpochStore {
  /**
   * The document after the operation; undefined where its conditions did not hold. With its ring for a replica alone (join, poll):
   * it is most of the document, and nobody else looks at it.
   */
  execute(operation: EpochOperation): Promise<EpochDocument | undefined>;
  /** As a majority has it, without its ring; `linearizable`: surely no older than this call. Undefined where there is none. */
  read(concern?: 'majority' | 'linearizable'): Promise<EpochDocument | undefined>;
  /** Keys the MAC of what is remembered outside the database; the same in every backup, whatever its generation. */
  markKey(): Promise<string | undefined>;
}

/**
 * What to do where there is no document: a deployment that has never had one makes it. `frozen`: one that has lost it, where
 * leases of before may still be in use.
 */
export type WhenAbsent = 'make' | 'make-frozen' | 'leave';

export async function openEpochStore(
  connection: mongoose.Connection,
  whenAbsent: WhenAbsent = 'make',
): Promise<EpochStore> {
  const { db } = connection;
  if (db === undefined) throw new Error('the database connection must be open');
  const epochs = db.collection<Stored>('epochs');
  if (whenAbsent !== 'leave') await makeFirst(epochs, whenAbsent === 'make-frozen');
  return {
    async execute(operation) {
      const { filter, update } = translated(operation);
      const after = await epochs.findOneAndUpdate(
        { _id: ID, ...filter },
        { ...update, $currentDate: { at: true } },
        {
          returnDocument: 'after',
          writeConcern: DURABLE,
          ...(operation.op !== 'join' && operation.op !== 'poll' && WITHOUT_RING),
        },
      );
      return after === null ? undefined : documentOf(after);
    },
    async read(readConcern = 'majority') {
      const options = { readConcern, readPreference: 'primary' as const, maxTimeMS: READ_LIMIT_MS, ...WITHOUT_RING };
      const found = await epochs.findOne({ _id: ID }, options);
      return found === null ? undefined : documentOf(found);
    },
    async markKey() {
      const found = await epochs.findOne({ _id: ID }, { projection: { markKey: 1 }, readPreference: 'primary' });
      return found?.markKey;
    },
  };
}

async function makeFirst(epochs: mongoose.mongo.Collection<Stored>, frozen: boolean): Promise<void> {
  const { at, ...first } = firstDocument(newGeneration(Date.now()), newSecret(), Date.now());
  await epochs.updateOne(
    { _id: ID },
    { $setOnInsert: { ...first, frozen, at: new Date(at), markKey: newSecret() } },
    { upsert: true, writeConcern: DURABLE },
  );
  // Of a version that knew no marks.
  await epochs.updateOne(
    { _id: ID, markKey: { $exists: false } },
    { $set: { markKey: newSecret() } },
    { writeConcern: DURABLE },
  );
}

/** A secret of 256 bits, in hexadecimal. */
export function newSecret(): string {
  return randomBytes(32).toString('hex');
}

/** A name that compares greater than all of these, and than every name that a clock no later than this one has given. */
export function newGeneration(now: number, ...than: readonly string[]): string {
  const random = randomBytes(6).toString('hex');
  const fresh = `${new Date(now).toISOString()}-${random}`;
  const latest = than.toSorted().at(-1) ?? '';
  // Some clock was ahead of this one: whatever begins with a text is greater than it.
  return fresh > latest ? fresh : `${latest}+${random}`;
}

function documentOf({ generation, macKey, seq, ring = [], replicas, frozen, at }: Stored): EpochDocument {
  return { generation, macKey, seq, ring: ring.map(announcementIn), replicas, frozen, at: at.getTime() };
}

/**
 * A change as the ring holds it: one text. Every poll and every bump rewrites the ring, and the embedded database takes several
 * times as long where it holds documents.
 */
function storedText({ name, event: { kind, id, hashes } }: Announcement): string {
  return JSON.stringify([name, kind, id, ...hashes]);
}

/** What another version has written is of no kind that this one knows: whoever reads it forgets everything. */
const UNREADABLE: Announcement = { name: '', event: { kind: '', id: '', hashes: [] } };

export function announcementIn(stored: unknown): Announcement {
  const parts = typeof stored === 'string' && parsedJson(stored);
  if (!Array.isArray(parts) || !parts.every((part) => typeof part === 'string')) return UNREADABLE;
  const [name, kind, id, ...hashes] = parts;
  return name === undefined || kind === undefined || id === undefined
    ? UNREADABLE
    : { name, event: { kind, id, hashes } };
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
          $push: { ring: { $each: operation.events.map(storedText), $slice: -operation.ringSize } },
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
