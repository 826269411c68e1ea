import { type Connection } from 'mongoose';

interface Usage {
  /** The key. */
  _id: string;
  /** The start of the minute in which it was last used. */
  lastUsedTime: Date;
}

/** Keys per write. */
const BATCH = 1_000;

export type UsageStore = ReturnType<typeof usageStore>;

/**
 * When keys were last used. No mutation: nothing is decided from it, so there is no audit entry, no barrier, no other etag, and one
 * node's word is enough. Apart from the keys' own records, so that no such write ever meets a transaction that changes a key.
 */
export function usageStore(connection: Connection) {
  const usage = connection.collection<Usage>('usage');
  return {
    /** Sets times forwards, never backwards: several replicas write what each of them saw. */
    async advance(times: readonly (readonly [keyId: string, lastUsedTime: Date])[]): Promise<void> {
      for (let i = 0; i < times.length; i += BATCH) {
        const writes = times.slice(i, i + BATCH).map(([_id, lastUsedTime]) => ({
          updateOne: { filter: { _id }, update: { $max: { lastUsedTime } }, upsert: true },
        }));
        await usage.bulkWrite(writes, { ordered: false, writeConcern: { w: 1 } });
      }
    },

    /** By key; without those that never were. */
    async find(keyIds: readonly string[]): Promise<ReadonlyMap<string, Date>> {
      const found = keyIds.length === 0 ? [] : await usage.find({ _id: { $in: [...keyIds] } }).toArray();
      return new Map(found.map(({ _id, lastUsedTime }) => [_id, lastUsedTime]));
    },
  };
}
