import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type DeletionRow } from './deletion';

const text = { type: String, required: true };
const count = { type: Number, required: true };

const schema = new Schema<DeletionRow>(
  {
    _id: text,
    organizationId: text,
    memberId: text,
    userId: text,
    state: text,
    attempts: count,
    createTime: { type: Date, required: true },
    completeTime: Date,
    tokensDeleted: count,
    rolesRemoved: count,
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);
schema.index({ memberId: 1 }, { unique: true });
schema.index({ organizationId: 1, _id: 1 });

export type DeletionStore = ReturnType<typeof deletionStore>;

export function deletionStore(connection: Connection) {
  const deletions = connection.model<DeletionRow>('Deletion', schema, 'deletions');
  return {
    async prepare(): Promise<void> {
      await deletions.createCollection();
      await deletions.createIndexes();
    },

    async insert(row: DeletionRow, session: ClientSession): Promise<void> {
      await deletions.insertMany([row], { session });
    },

    /** The deletion of this very organization. */
    async find(organizationId: string, deletionId: string, session?: ClientSession): Promise<DeletionRow | undefined> {
      const filter = { _id: deletionId, organizationId };
      return (await deletions.findOne(filter, null, { session }).lean<DeletionRow>()) ?? undefined;
    },

    /** Up to `limit` deletions, newest first, those before the id `before`. */
    async list(page: { organizationId: string; before: string | undefined; limit: number }): Promise<DeletionRow[]> {
      const { organizationId, before, limit } = page;
      return await deletions
        .find({ organizationId, ...(before !== undefined && { _id: { $lt: before } }) })
        .sort({ organizationId: -1, _id: -1 })
        .limit(limit)
        .lean<DeletionRow[]>();
    },

    /** Counts a job that was added. No change that anybody asked for, nor part of one: without a transaction. */
    async countAttempt(deletionId: string): Promise<void> {
      await deletions.updateOne({ _id: deletionId }, { $inc: { attempts: 1 } });
    },

    /** PENDING to COMPLETED; false when it was COMPLETED before, whose counts then stay. */
    async complete(
      deletionId: string,
      result: Required<Pick<DeletionRow, 'completeTime' | 'tokensDeleted' | 'rolesRemoved'>>,
      session: ClientSession,
    ): Promise<boolean> {
      const filter = { _id: deletionId, state: 'PENDING' } as const;
      const change = { $set: { state: 'COMPLETED', ...result } } as const;
      return (await deletions.updateOne(filter, change, { session })).matchedCount === 1;
    },
  };
}
