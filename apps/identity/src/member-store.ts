import { type ClientSession, type Connection, Schema, type UpdateQuery } from 'mongoose';
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

const LIVE: { $in: MemberRow['state'][] } = { $in: ['JOINING', 'ACTIVE', 'SUSPENDED'] };

/** Those whose seat, if they have one, is to be open. */
const SEATED: { $in: MemberRow['state'][] } = { $in: ['JOINING', 'ACTIVE'] };

/** A member, and what was read of it before its seat was closed. */
interface SeatOf {
  readonly organizationId: string;
  readonly memberId: string;
  readonly seatEpoch: number;
}

export type MemberStore = ReturnType<typeof memberStore>;

export function memberStore(connection: Connection) {
  const members = connection.model<MemberRow>('Member', schema, 'members');

  async function changeState(
    { organizationId, memberId, seatEpoch }: SeatOf,
    from: MemberRow['state'] | typeof LIVE,
    change: UpdateQuery<MemberRow>,
    session: ClientSession,
  ): Promise<MemberRow | undefined> {
    const filter = { _id: memberId, organizationId, state: from, seatEpoch };
    const changed = await members
      .findOneAndUpdate(filter, change, { session, returnDocument: 'after' })
      .lean<MemberRow>();
    return changed ?? undefined;
  }

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

    /** Every membership that a person has ever had, in one organization where it is given. */
    async listEver(
      whose: { readonly userId: string; readonly organizationId?: string },
      session?: ClientSession,
    ): Promise<Pick<MemberRow, '_id'>[]> {
      return await members.find(whose, { _id: 1 }, { session }).sort({ userId: 1, _id: 1 }).lean<MemberRow[]>();
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
    async remove(seat: SeatOf, session: ClientSession): Promise<MemberRow | undefined> {
      return await changeState(seat, LIVE, { $set: { state: 'REMOVED' }, $unset: { liveKey: 1 } }, session);
    },

    /** ACTIVE to SUSPENDED; undefined when it is not ACTIVE any more or its seat was opened again since. */
    async suspend(seat: SeatOf, session: ClientSession): Promise<MemberRow | undefined> {
      return await changeState(seat, 'ACTIVE', { $set: { state: 'SUSPENDED' } }, session);
    },

    /**
     * SUSPENDED to ACTIVE, and its seat begins to be opened; undefined when it is not SUSPENDED any more, or was
     * reinstated and suspended again since.
     */
    async reinstate(seat: SeatOf & { closing: string }, session: ClientSession): Promise<MemberRow | undefined> {
      const change = { $set: { state: 'ACTIVE' }, ...opening(seat.closing) } as const;
      return await changeState(seat, 'SUSPENDED', change, session);
    },

    /**
     * From here on nothing that has closed the seat can commit. Undefined when the member is not one whose seat is to be
     * open: then nothing is to be opened. Else the count that tells whether this reopening was the last to begin.
     */
    async beginReopening(memberId: string, closing: string, session: ClientSession): Promise<number | undefined> {
      const begun = await members
        .findOneAndUpdate({ _id: memberId, state: SEATED }, opening(closing), { session, returnDocument: 'after' })
        .lean<MemberRow>();
      return begun?.seatEpoch;
    },

    /** The seat is open, and may be closed anew; false when another reopening has begun and is perhaps not done. */
    async endReopening(memberId: string, closing: string, seatEpoch: number, session: ClientSession): Promise<boolean> {
      const change = { $pull: { reopening: closing } };
      return (await members.updateOne({ _id: memberId, seatEpoch }, change, { session })).matchedCount === 1;
    },
  };
}

const opening = (closing: string) => ({ $addToSet: { reopening: closing }, $inc: { seatEpoch: 1 } }) as const;

const afterId = (after: string | undefined) => (after === undefined ? {} : { _id: { $gt: after } });
