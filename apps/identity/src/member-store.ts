import { type ClientSession, type Connection, Schema } from 'mongoose';
import { isDuplicate } from './duplicate';
import { memberExists } from './errors';
import { memberKey, type MemberRow, type StoredRefusal } from './member';

const text = { type: String, required: true };

const schema = new Schema<MemberRow>(
  {
    _id: text,
    organizationId: text,
    userId: text,
    state: text,
    liveKey: String,
    createTime: { type: Date, required: true },
    refusal: { type: Schema.Types.Mixed },
    seatEpoch: { type: Number, required: true },
    reopening: { type: [String], required: true },
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);
schema.index({ liveKey: 1 }, { unique: true, sparse: true });
schema.index({ organizationId: 1, _id: 1 });
schema.index({ userId: 1, _id: 1 });

/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off. */
const LINEARIZABLE_MS = 5_000;

const LIVE: { $in: MemberRow['state'][] } = { $in: ['JOINING', 'ACTIVE'] };

export type MemberStore = ReturnType<typeof memberStore>;

export function memberStore(connection: Connection) {
  const members = connection.model<MemberRow>('Member', schema, 'members');

  return {
    async prepare(): Promise<void> {
      await members.createCollection();
      await members.createIndexes();
    },

    /** @throws AppError ALREADY_EXISTS (MEMBER_EXISTS) */
    async insert(row: MemberRow, session: ClientSession): Promise<void> {
      try {
        await members.insertMany([row], { session });
      } catch (error) {
        throw isDuplicate(error, 'liveKey') ? memberExists(row.userId) : error;
      }
    },

    /** The member of this very organization, tombstones too. */
    async find(organizationId: string, memberId: string, session?: ClientSession): Promise<MemberRow | undefined> {
      return (
        (await members.findOne({ _id: memberId, organizationId }, null, { session }).lean<MemberRow>()) ?? undefined
      );
    },

    /** For decisions: the primary's confirmed state, whatever happened a moment ago. Tombstones too. */
    async findFact(memberId: string): Promise<MemberRow | undefined> {
      const query = members.findById(memberId).read('primary').readConcern('linearizable');
      return (await query.maxTimeMS(LINEARIZABLE_MS).lean<MemberRow>()) ?? undefined;
    },

    /** The same for the live membership of a person. */
    async findLiveFact(organizationId: string, userId: string): Promise<MemberRow | undefined> {
      const query = members.findOne({ liveKey: memberKey(organizationId, userId) });
      const fresh = query.read('primary').readConcern('linearizable').maxTimeMS(LINEARIZABLE_MS);
      return (await fresh.lean<MemberRow>()) ?? undefined;
    },

    /** Every live membership of a person. */
    async listLive(userId: string, session?: ClientSession): Promise<MemberRow[]> {
      return await members
        .find({ userId, state: LIVE }, null, { session })
        .sort({ userId: 1, _id: 1 })
        .lean<MemberRow[]>();
    },

    /** Every membership that a person has ever had. */
    async listEver(userId: string, session: ClientSession): Promise<Pick<MemberRow, '_id'>[]> {
      return await members.find({ userId }, { _id: 1 }, { session }).sort({ userId: 1, _id: 1 }).lean<MemberRow[]>();
    },

    /** Up to `limit` ACTIVE memberships of a person, oldest first, those after the id `after`. */
    async listActive(page: { userId: string; after: string | undefined; limit: number }): Promise<MemberRow[]> {
      const { userId, after, limit } = page;
      return await members
        .find({ userId, ...afterId(after), state: 'ACTIVE' })
        .sort({ userId: 1, _id: 1 })
        .limit(limit)
        .lean<MemberRow[]>();
    },

    /** Up to `limit` live members of an organization, oldest first, those after the id `after`. */
    async list(page: { organizationId: string; after: string | undefined; limit: number }): Promise<MemberRow[]> {
      const { organizationId, after, limit } = page;
      return await members
        .find({ organizationId, ...afterId(after), state: LIVE })
        .sort({ organizationId: 1, _id: 1 })
        .limit(limit)
        .lean<MemberRow[]>();
    },

    /** JOINING to ACTIVE; false when it is not JOINING any more. */
    async activate(memberId: string, session: ClientSession): Promise<boolean> {
      const filter = { _id: memberId, state: 'JOINING' } as const;
      return (await members.updateOne(filter, { $set: { state: 'ACTIVE' } }, { session })).matchedCount === 1;
    },

    /** JOINING to REMOVED for one whose roles were refused; false when it is not JOINING any more. */
    async abandon(memberId: string, refusal: StoredRefusal, session: ClientSession): Promise<boolean> {
      const change = { $set: { state: 'REMOVED', refusal }, $unset: { liveKey: 1 } } as const;
      return (await members.updateOne({ _id: memberId, state: 'JOINING' }, change, { session })).matchedCount === 1;
    },

    /**
     * Leaves a tombstone; undefined when it is not live any more or its seat was opened again since `seatEpoch` was
     * read.
     */
    async remove(
      member: { organizationId: string; memberId: string; seatEpoch: number },
      session: ClientSession,
    ): Promise<MemberRow | undefined> {
      const { organizationId, memberId, seatEpoch } = member;
      const change = { $set: { state: 'REMOVED' }, $unset: { liveKey: 1 } } as const;
      const removed = await members
        .findOneAndUpdate({ _id: memberId, organizationId, state: LIVE, seatEpoch }, change, {
          session,
          returnDocument: 'after',
        })
        .lean<MemberRow>();
      return removed ?? undefined;
    },

    /**
     * From here on no removal that has closed the seat can commit. False when the member is not live: then nothing is
     * to be opened.
     */
    async beginReopening(memberId: string, closing: string, session: ClientSession): Promise<boolean> {
      const change = { $addToSet: { reopening: closing }, $inc: { seatEpoch: 1 } };
      return (await members.updateOne({ _id: memberId, state: LIVE }, change, { session })).matchedCount === 1;
    },

    /** The seat is open: removals may begin again. */
    async endReopening(memberId: string, closing: string, session: ClientSession): Promise<void> {
      await members.updateOne({ _id: memberId }, { $pull: { reopening: closing } }, { session });
    },
  };
}

const afterId = (after: string | undefined) => (after === undefined ? {} : { _id: { $gt: after } });
