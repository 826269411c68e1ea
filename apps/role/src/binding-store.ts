import { startOverIfDuplicate } from '@latchkey/coherence';
import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type BindingRecord } from './binding';

const text = { type: String, required: true };

const schema = new Schema<BindingRecord>(
  {
    _id: text,
    organizationId: text,
    organizationRoleId: String,
    workspaceRoles: [new Schema({ workspaceId: text, roleId: text }, { _id: false })],
    version: { type: Number, required: true },
    change: Number,
    removed: { type: new Schema({ rolesRemoved: { type: Number, required: true } }, { _id: false }) },
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);
schema.index({ organizationId: 1, _id: 1 });
schema.index({ organizationId: 1, 'workspaceRoles.workspaceId': 1, _id: 1 });

/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off. */
const LINEARIZABLE_MS = 5_000;

export type BindingStore = ReturnType<typeof bindingStore>;

/** Bindings, one document per principal, and tombstones of principals that are gone. */
export function bindingStore(connection: Connection) {
  const bindings = connection.model<BindingRecord>('Binding', schema, 'bindings');
  const live = { removed: { $exists: false } };
  return {
    async prepare(): Promise<void> {
      await bindings.createCollection();
      await bindings.createIndexes();
    },

    /** The principal's document, whatever its organization, tombstones included. */
    async find(principalId: string, session?: ClientSession): Promise<BindingRecord | undefined> {
      return (await bindings.findById(principalId, null, { session }).lean<BindingRecord>()) ?? undefined;
    },

    async findLive(
      organizationId: string,
      principalId: string,
      session?: ClientSession,
    ): Promise<BindingRecord | undefined> {
      const filter = { _id: principalId, organizationId, ...live };
      return (await bindings.findOne(filter, null, { session }).lean<BindingRecord>()) ?? undefined;
    },

    /** For decisions: the primary's confirmed state, whatever happened a moment ago. */
    async findForFacts(principalId: string): Promise<BindingRecord | undefined> {
      const query = bindings
        .findOne({ _id: principalId, ...live })
        .read('primary')
        .readConcern('linearizable');
      return (await query.maxTimeMS(LINEARIZABLE_MS).lean<BindingRecord>()) ?? undefined;
    },

    /** Up to `limit` live bindings of an organization, in one of its workspaces if given, those after the id `after`. */
    async list(
      page: { organizationId: string; workspaceId: string; after: string | undefined; limit: number },
      session?: ClientSession,
    ): Promise<BindingRecord[]> {
      const { organizationId, workspaceId, after, limit } = page;
      const filter = {
        organizationId,
        ...(workspaceId && { 'workspaceRoles.workspaceId': workspaceId }),
        ...(after !== undefined && { _id: { $gt: after } }),
        ...live,
      };
      return await bindings
        .find(filter, null, { session })
        .sort(
          workspaceId ? { organizationId: 1, 'workspaceRoles.workspaceId': 1, _id: 1 } : { organizationId: 1, _id: 1 },
        )
        .limit(limit)
        .lean<BindingRecord[]>();
    },

    async insert(record: BindingRecord, session: ClientSession): Promise<void> {
      await startOverIfDuplicate(() => bindings.insertMany([record], { session }));
    },

    async update(record: BindingRecord, session: ClientSession): Promise<void> {
      const { _id, organizationRoleId, workspaceRoles, version, change, removed } = record;
      await bindings.updateOne(
        { _id },
        {
          $set: {
            workspaceRoles,
            version,
            ...(change !== undefined && { change }),
            ...(organizationRoleId && { organizationRoleId }),
            ...(removed && { removed }),
          },
          ...(!organizationRoleId && { $unset: { organizationRoleId: 1 } }),
        },
        { session },
      );
    },
  };
}
