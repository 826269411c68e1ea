import { startOverIfDuplicate } from '@latchkey/coherence';
import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type RoleRecord } from './role';

const text = { type: String, required: true };
const number = { type: Number, required: true };

const schema = new Schema<RoleRecord>(
  {
    _id: text,
    organizationId: text,
    scope: text,
    name: text,
    liveKey: String,
    description: { type: String, default: '' },
    permissions: [Number],
    catalogueVersion: number,
    version: number,
    references: number,
    createTime: { type: Date, required: true },
    deleteTime: Date,
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);
schema.index({ liveKey: 1 }, { unique: true, sparse: true });
schema.index({ organizationId: 1, _id: 1 });

interface RoleCount {
  readonly _id: string;
  readonly roles: number;
}

const counts = new Schema<RoleCount>(
  { _id: text, roles: number },
  { autoCreate: false, autoIndex: false, versionKey: false },
);

/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off. */
const LINEARIZABLE_MS = 5_000;

export type RoleStore = ReturnType<typeof roleStore>;

/** The custom roles. Built-in ones are nowhere stored: the catalogue says what they are. */
export function roleStore(connection: Connection) {
  const roles = connection.model<RoleRecord>('Role', schema, 'roles');
  const perOrganization = connection.model<RoleCount>('RoleCount', counts, 'role_counts');
  const live = { deleteTime: { $exists: false } };
  return {
    async prepare(): Promise<void> {
      await roles.createCollection();
      await roles.createIndexes();
      await perOrganization.createCollection();
    },

    /** The live role of this organization. */
    async find(organizationId: string, roleId: string, session?: ClientSession): Promise<RoleRecord | undefined> {
      const filter = { _id: roleId, organizationId, ...live };
      return (await roles.findOne(filter, null, { session }).lean<RoleRecord>()) ?? undefined;
    },

    /** Those of the ids that are live roles of this organization. */
    async findAll(organizationId: string, ids: readonly string[], session?: ClientSession): Promise<RoleRecord[]> {
      return await roles
        .find({ _id: { $in: [...ids] }, organizationId, ...live }, null, { session })
        .lean<RoleRecord[]>();
    },

    /** For decisions: the primary's confirmed state, whatever happened a moment ago. */
    async findForFacts(roleId: string): Promise<RoleRecord | undefined> {
      const query = roles
        .findOne({ _id: roleId, ...live })
        .read('primary')
        .readConcern('linearizable');
      return (await query.maxTimeMS(LINEARIZABLE_MS).lean<RoleRecord>()) ?? undefined;
    },

    /** Up to `limit` live roles of an organization, oldest first, those after the id `after`. */
    async list(organizationId: string, after: string | undefined, limit: number): Promise<RoleRecord[]> {
      return await roles
        .find({ organizationId, ...(after !== undefined && { _id: { $gt: after } }), ...live })
        .sort({ organizationId: 1, _id: 1 })
        .limit(limit)
        .lean<RoleRecord[]>();
    },

    async isNameTaken(liveKey: string, session: ClientSession): Promise<boolean> {
      return (await roles.exists({ liveKey }).session(session)) !== null;
    },

    async insert(record: RoleRecord, session: ClientSession): Promise<void> {
      await startOverIfDuplicate(() => roles.insertMany([record], { session }));
    },

    /**
     * Counts up or down how many roles the organization has, and answers how many that makes. All that create roles
     * write this one document, so that no two of them can both be the last that fits.
     */
    async count(organizationId: string, step: 1 | -1, session: ClientSession): Promise<number> {
      const options = { upsert: true, returnDocument: 'after', session } as const;
      const after = await startOverIfDuplicate(() =>
        perOrganization.findOneAndUpdate({ _id: organizationId }, { $inc: { roles: step } }, options).lean<RoleCount>(),
      );
      return after?.roles ?? 0;
    },

    /** Writes what an update may change, and the next version. */
    async update(record: RoleRecord, session: ClientSession): Promise<void> {
      const { _id, name, liveKey, description, permissions, catalogueVersion, version } = record;
      await startOverIfDuplicate(() =>
        roles.updateOne(
          { _id },
          { $set: { name, liveKey, description, permissions, catalogueVersion, version } },
          { session },
        ),
      );
    },

    /** Makes a tombstone of a role that nobody refers to; false when somebody does. */
    async bury(roleId: string, now: Date, session: ClientSession): Promise<boolean> {
      const result = await roles.updateOne(
        { _id: roleId, references: 0, ...live },
        { $set: { deleteTime: now }, $unset: { liveKey: 1 }, $inc: { version: 1 } },
        { session },
      );
      return result.matchedCount === 1;
    },

    /**
     * Counts references to the live role of this organization; false when there is none. Every change of a binding writes
     * the role that it takes or drops, so that none is deleted, or widened, at the moment it is given.
     */
    async refer(organizationId: string, roleId: string, change: number, session: ClientSession): Promise<boolean> {
      const filter = { _id: roleId, organizationId, ...live };
      const result = await roles.updateOne(filter, { $inc: { references: change } }, { session });
      return result.matchedCount === 1;
    },
  };
}
