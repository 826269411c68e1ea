import { startOverIfDuplicate } from '@latchkey/coherence';
import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type KeyRecord } from './key';

const text = { type: String, required: true };

const schema = new Schema<KeyRecord>(
  {
    _id: text,
    kind: text,
    origin: text,
    organizationId: text,
    principalId: text,
    userId: String,
    hash: String,
    previousHash: String,
    overlapEndTime: Date,
    rotateTime: Date,
    hint: String,
    name: text,
    state: text,
    disableTime: Date,
    version: Number,
    revokedBecause: String,
    refusal: { type: Schema.Types.Mixed },
    deletionId: String,
    // No default: an absent list means "not narrowed", an empty one would mean "nothing".
    permissions: { type: [String], default: undefined },
    workspaceIds: [String],
    roleId: String,
    roleChange: { type: Schema.Types.Mixed },
    createdBy: text,
    createTime: { type: Date, required: true },
    expireTime: Date,
    revokeTime: Date,
  },
  { autoCreate: false, autoIndex: false, versionKey: false, minimize: false },
);
schema.index({ hash: 1 }, { unique: true, sparse: true });
schema.index({ previousHash: 1 }, { unique: true, sparse: true });
schema.index({ organizationId: 1, principalId: 1, kind: 1, state: 1, _id: 1 });
schema.index({ organizationId: 1, kind: 1, state: 1, _id: 1 });
schema.index({ organizationId: 1, workspaceIds: 1, state: 1, _id: 1 });

/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off. */
const LINEARIZABLE_MS = 5_000;

const NOT_REVOKED = { $ne: 'REVOKED' } as const;

export type KeyStore = ReturnType<typeof keyStore>;

/** The keys, personal tokens and service keys alike: what is presented is looked up by its hash alone. */
export function keyStore(connection: Connection) {
  const keys = connection.model<KeyRecord>('Key', schema, 'keys');
  // By the driver itself: a query of mongoose costs a replica half as much again, for every key that changes and every unknown one.
  const confirmed = async (filter: Pick<KeyRecord, 'hash' | 'previousHash'>): Promise<KeyRecord | null> =>
    await keys.collection.findOne<KeyRecord>(filter, {
      readPreference: 'primary',
      readConcern: 'linearizable',
      maxTimeMS: LINEARIZABLE_MS,
    });
  return {
    async prepare(): Promise<void> {
      await keys.createCollection();
      await keys.createIndexes();
    },

    /**
     * The key whose present or previous secret has this hash. For decisions: the primary's confirmed state, whatever happened a
     * moment ago.
     */
    async findByHash(hash: string): Promise<KeyRecord | undefined> {
      // One after the other, in this order: a rotation in between moves a hash from the first place to the second, never back.
      return (await confirmed({ hash })) ?? (await confirmed({ previousHash: hash })) ?? undefined;
    },

    /** The keys whose present or previous secret has one of these hashes. */
    async findByHashes(hashes: readonly string[], session: ClientSession): Promise<KeyRecord[]> {
      const among = { $in: [...hashes] };
      const filter = { $or: [{ hash: among }, { previousHash: among }] };
      return await keys.find(filter, null, { session }).lean<KeyRecord[]>();
    },

    async findById(id: string, session?: ClientSession): Promise<KeyRecord | undefined> {
      return (await keys.findById(id, null, { session }).lean<KeyRecord>()) ?? undefined;
    },

    /** The live personal token of this very member. */
    async findToken(
      organizationId: string,
      memberId: string,
      id: string,
      session?: ClientSession,
    ): Promise<KeyRecord | undefined> {
      const found = await this.findById(id, session);
      return found && agrees(found, liveTokens({ organizationId, memberId })) ? found : undefined;
    },

    /** The live service key of this organization. */
    async findServiceKey(organizationId: string, id: string, session?: ClientSession): Promise<KeyRecord | undefined> {
      const found = await this.findById(id, session);
      return found && agrees(found, { organizationId, kind: 'SERVICE', state: 'ACTIVE' }) ? found : undefined;
    },

    /** Up to `limit` live tokens of a member, those after the id `after`. */
    async listTokens(page: Member & { after?: string | undefined; limit: number }): Promise<KeyRecord[]> {
      const { after, limit, ...member } = page;
      return await keys
        .find({ ...liveTokens(member), ...afterId(after) })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<KeyRecord[]>();
    },

    /** The ids of up to `limit` live tokens of a member, in order: where a transaction will find some, if they are still there. */
    async listTokenIds({ limit, ...member }: Member & { limit: number }): Promise<string[]> {
      const found = await keys
        .find(liveTokens(member), { _id: 1 })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<Pick<KeyRecord, '_id'>[]>();
      return found.map(({ _id }) => _id);
    },

    /** ACTIVE to REVOKED, for the tokens of a member up to the id `last`, or for all; answers which they were. */
    async revokeTokens(
      { last, ...member }: Member & { last: string | undefined },
      why: Revocation,
      session: ClientSession,
    ): Promise<string[]> {
      // One range of one index. By a list of ids, the embedded engine would compare each of them with each.
      const filter = { ...liveTokens(member), ...(last !== undefined && { _id: { $lte: last } }) };
      const found = await keys.find(filter, { _id: 1 }, { session }).lean<Pick<KeyRecord, '_id'>[]>();
      const change = { $set: { state: 'REVOKED', ...why } } as const;
      if (found.length > 0) await startOverIfDuplicate(() => keys.updateMany(filter, change, { session }));
      return found.map(({ _id }) => _id);
    },

    /** Up to `limit` live service keys of an organization, those after the id `after`. */
    async listServiceKeys(page: {
      organizationId: string;
      after?: string | undefined;
      limit: number;
    }): Promise<KeyRecord[]> {
      const { organizationId, after, limit } = page;
      return await keys
        .find({ organizationId, kind: 'SERVICE', state: 'ACTIVE', ...afterId(after) })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<KeyRecord[]>();
    },

    /** Up to `limit` keys that act in a workspace, or will once they are bound. */
    async listInWorkspace(
      page: { organizationId: string; workspaceId: string; limit: number },
      session: ClientSession,
    ): Promise<KeyRecord[]> {
      const { organizationId, workspaceId, limit } = page;
      return await keys
        .find({ organizationId, workspaceIds: workspaceId, state: NOT_REVOKED }, null, { session })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<KeyRecord[]>();
    },

    /** And counts their versions up. Decisions do not look at it: the workspace itself refuses. */
    async dropWorkspace(ids: readonly string[], workspaceId: string, session: ClientSession): Promise<void> {
      const change = { $pull: { workspaceIds: workspaceId }, $inc: { version: 1 } };
      await keys.updateMany({ _id: { $in: [...ids] } }, change, { session });
    },

    /** Whatever their state, to REVOKED: their last workspace is gone. */
    async revokeWithoutWorkspaces(ids: readonly string[], revokeTime: Date, session: ClientSession): Promise<void> {
      const change = { $set: { state: 'REVOKED', revokedBecause: 'WORKSPACES_DELETED', revokeTime } } as const;
      await keys.updateMany({ _id: { $in: [...ids] }, state: NOT_REVOKED }, change, { session });
    },

    async insert(records: readonly KeyRecord[], session: ClientSession): Promise<void> {
      await startOverIfDuplicate(() => keys.insertMany(records, { session }));
    },

    /** PENDING to ACTIVE; false when it is not PENDING any more. */
    async activate(id: string, session: ClientSession): Promise<boolean> {
      const result = await keys.updateOne({ _id: id, state: 'PENDING' }, { $set: { state: 'ACTIVE' } }, { session });
      return result.matchedCount === 1;
    },

    /** ACTIVE to REVOKED, and counts its version up; the key as it is then, undefined where it was not ACTIVE any more. */
    async revoke(id: string, why: Revocation, session: ClientSession): Promise<KeyRecord | undefined> {
      const change = { $set: { state: 'REVOKED', ...why }, $inc: { version: 1 } } as const;
      // It sets no hash: the embedded engine says so in place of a conflict when the key is being revoked by somebody else, too.
      const revoked = await startOverIfDuplicate(() =>
        keys
          .findOneAndUpdate({ _id: id, state: 'ACTIVE' }, change, { session, returnDocument: 'after' })
          .lean<KeyRecord>(),
      );
      return revoked ?? undefined;
    },

    /** Changes fields of a live key, and counts its version up; `undefined` takes a field away. Answers the key as it is then. */
    async change(id: string, fields: Changes, session: ClientSession): Promise<KeyRecord> {
      const given = Object.entries(fields);
      const set = Object.fromEntries(given.filter(([, value]) => value !== undefined));
      const unset = Object.fromEntries(given.filter(([, value]) => value === undefined).map(([name]) => [name, 1]));
      const update = {
        $inc: { version: 1 },
        ...(Object.keys(set).length > 0 && { $set: set }),
        ...(Object.keys(unset).length > 0 && { $unset: unset }),
      };
      const options = { session, returnDocument: 'after' } as const;
      // The id alone, as in agrees(); throwing takes the change back.
      const changed = await keys.findOneAndUpdate({ _id: id }, update, options).lean<KeyRecord>().orFail();
      if (changed.state !== 'ACTIVE') throw new Error(`key ${id} is not live, and must not be changed`);
      return changed;
    },

    /** PENDING to REVOKED for what could not be bound; gives its hash free. False when it is not PENDING any more. */
    async abandon(
      id: string,
      why: Required<Pick<KeyRecord, 'refusal' | 'revokeTime'>>,
      session: ClientSession,
    ): Promise<boolean> {
      const result = await keys.updateOne(
        { _id: id, state: 'PENDING' },
        { $set: { state: 'REVOKED', revokedBecause: 'NEVER_BOUND', ...why }, $unset: { hash: 1 } },
        { session },
      );
      return result.matchedCount === 1;
    },
  };
}

interface Member {
  readonly organizationId: string;
  readonly memberId: string;
}

/** Looked at here and not in the filter, which is the id alone: with more in it, the embedded engine weighs every index. */
function agrees(record: KeyRecord, wanted: Partial<KeyRecord>): boolean {
  return Object.entries(wanted).every(([field, value]) => record[field as keyof KeyRecord] === value);
}

const liveTokens = ({ organizationId, memberId }: Member) =>
  ({ organizationId, principalId: memberId, kind: 'PERSONAL', state: 'ACTIVE' }) as const;

type Revocation = Pick<KeyRecord, 'revokedBecause' | 'deletionId'> & { readonly revokeTime: Date };

type Changes = {
  [
    Field in
      | 'hash'
      | 'previousHash'
      | 'overlapEndTime'
      | 'rotateTime'
      | 'hint'
      | 'name'
      | 'disableTime'
      | 'permissions'
      | 'roleId'
      | 'roleChange'
  ]?: KeyRecord[Field] | undefined;
};

const afterId = (after: string | undefined) => (after === undefined ? {} : { _id: { $gt: after } });
