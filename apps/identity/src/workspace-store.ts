import { type ClientSession, type Connection, Schema } from 'mongoose';
import { isDuplicate } from './duplicate';
import { workspaceNameTaken } from './errors';
import { type WorkspaceRow } from './workspace';

const text = { type: String, required: true };

const schema = new Schema<WorkspaceRow>(
  {
    _id: text,
    organizationId: text,
    name: text,
    state: text,
    liveKey: String,
    createTime: { type: Date, required: true },
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);
schema.index({ liveKey: 1 }, { unique: true, sparse: true });
schema.index({ organizationId: 1, _id: 1 });

/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off. */
const LINEARIZABLE_MS = 5_000;

export type WorkspaceStore = ReturnType<typeof workspaceStore>;

export function workspaceStore(connection: Connection) {
  const workspaces = connection.model<WorkspaceRow>('Workspace', schema, 'workspaces');
  return {
    async prepare(): Promise<void> {
      await workspaces.createCollection();
      await workspaces.createIndexes();
    },

    /** @throws AppError ALREADY_EXISTS (WORKSPACE_NAME_TAKEN) */
    async insert(row: WorkspaceRow, session: ClientSession): Promise<void> {
      try {
        await workspaces.insertMany([row], { session });
      } catch (error) {
        throw isDuplicate(error, 'liveKey') ? workspaceNameTaken(row.name) : error;
      }
    },

    /** The live workspace of this very organization. */
    async find(organizationId: string, workspaceId: string): Promise<WorkspaceRow | undefined> {
      const filter = { _id: workspaceId, organizationId, state: 'ACTIVE' } as const;
      return (await workspaces.findOne(filter).lean<WorkspaceRow>()) ?? undefined;
    },

    /** Leaves a tombstone, whose name is free again; false when it is not a live workspace of this very organization. */
    async remove(organizationId: string, workspaceId: string, session: ClientSession): Promise<boolean> {
      const filter = { _id: workspaceId, organizationId, state: 'ACTIVE' } as const;
      const change = { $set: { state: 'DELETED' }, $unset: { liveKey: 1 } } as const;
      return (await workspaces.updateOne(filter, change, { session })).matchedCount === 1;
    },

    /** For decisions: the primary's confirmed state, whatever happened a moment ago. */
    async findFact(workspaceId: string): Promise<WorkspaceRow | undefined> {
      const query = workspaces.findById(workspaceId).read('primary').readConcern('linearizable');
      return (await query.maxTimeMS(LINEARIZABLE_MS).lean<WorkspaceRow>()) ?? undefined;
    },

    /** Up to `limit` live workspaces, oldest first, those after the id `after`. */
    async list(page: { organizationId: string; after: string | undefined; limit: number }): Promise<WorkspaceRow[]> {
      const { organizationId, after, limit } = page;
      return await workspaces
        .find({ organizationId, ...(after !== undefined && { _id: { $gt: after } }), state: 'ACTIVE' })
        .sort({ organizationId: 1, _id: 1 })
        .limit(limit)
        .lean<WorkspaceRow[]>();
    },
  };
}
