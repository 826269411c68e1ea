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
    hint: String,
    name: text,
    state: text,
    revokedBecause: String,
    refusal: { type: Schema.Types.Mixed },
    deletionId: String,
    // No default: an absent list means "not narrowed", an empty one would mean "nothing".
    permissions: { type: [String], default: undefined },
    workspaceIds: [String],
    roleId: String,
    createdBy: text,
    createTime: { type: Date, required: true },
    expireTime: Date,
    revokeTime: Date,
  },
  { autoCreate: false, autoIndex: false, versionKey: false, minimize: false },
);
schema.index({ hash: 1 }, { unique: true, sparse: true });
schema.index({ organizationId: 1, principalId: 1, kind: 1, state: 1, _id: 1 });
schema.index({ organizationId: 1, kind: 1, state: 1, _id: 1 });

/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off. */
const LINEARIZABLE_MS = 5_000;

export type KeyStore = ReturnType<typeof keyStore>;

/** The keys, personal tokens and service keys alike: what is presented is looked up by its hash alone. */
export function keyStore(connection: Connection) {
  const keys = connection.model<KeyRecord>('Key', schema, 'keys');
  return {
    async prepare(): Promise<void> {
      await keys.createCollection();
      await keys.createIndexes();
    },

    /** For decisions: the primary's confirmed state, whatever happened a moment ago. */
    async findByHash(hash: string): Promise<KeyRecord | undefined> {
      const query = keys.findOne({ hash }).read('primary').readConcern('linearizable').maxTimeMS(LINEARIZABLE_MS);
      return (await query.lean<KeyRecord>()) ?? undefined;
    },

    async findByHashes(hashes: readonly string[], session: ClientSession): Promise<KeyRecord[]> {
      return await keys.find({ hash: { $in: [...hashes] } }, null, { session }).lean<KeyRecord[]>();
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
      const filter = { _id: id, organizationId, principalId: memberId, kind: 'PERSONAL', state: 'ACTIVE' } as const;
      return (await keys.findOne(filter, null, { session }).lean<KeyRecord>()) ?? undefined;
    },

    /** The live service key of this organization. */
    async findServiceKey(organizationId: string, id: string, session?: ClientSession): Promise<KeyRecord | undefined> {
      const filter = { _id: id, organizationId, kind: 'SERVICE', state: 'ACTIVE' } as const;
      return (await keys.findOne(filter, null, { session }).lean<KeyRecord>()) ?? undefined;
    },

    /** Up to `limit` live tokens of a member, those after the id `after`. */
    async listTokens(
      page: { organizationId: string; memberId: string; after?: string | undefined; limit: number },
      session?: ClientSession,
    ): Promise<KeyRecord[]> {
      const { organizationId, memberId, after, limit } = page;
      return await keys
        .find({ organizationId, principalId: memberId, kind: 'PERSONAL', state: 'ACTIVE', ...afterId(after) }, null, {
          session,
        })
        .sort({ _id: 1 })
        .limit(limit)
        .lean<KeyRecord[]>();
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

    async insert(records: readonly KeyRecord[], session: ClientSession): Promise<void> {
      await startOverIfDuplicate(() => keys.insertMany(records, { session }));
    },

    /** PENDING to ACTIVE; false when it is not PENDING any more. */
    async activate(id: string, session: ClientSession): Promise<boolean> {
      const result = await keys.updateOne({ _id: id, state: 'PENDING' }, { $set: { state: 'ACTIVE' } }, { session });
      return result.matchedCount === 1;
    },

    /** ACTIVE to REVOKED, for all of these; answers how many it was. */
    async revoke(
      ids: readonly string[],
      why: Pick<KeyRecord, 'revokedBecause' | 'deletionId'> & { revokeTime: Date },
      session: ClientSession,
    ): Promise<number> {
      const filter = { _id: { $in: [...ids] }, state: 'ACTIVE' } as const;
      const result = await keys.updateMany(filter, { $set: { state: 'REVOKED', ...why } }, { session });
      return result.modifiedCount;
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

const afterId = (after: string | undefined) => (after === undefined ? {} : { _id: { $gt: after } });
