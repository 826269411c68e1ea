import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type OrganizationRow } from './organization';

const text = { type: String, required: true };
const flag = { type: Boolean, required: true };

const schema = new Schema<OrganizationRow>(
  {
    _id: text,
    displayName: text,
    state: text,
    founderMemberId: text,
    createTime: { type: Date, required: true },
    settings: { type: new Schema({ delegateServiceKeys: flag, personalTokensDisabled: flag }, { _id: false }) },
    version: { type: Number, required: true },
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);

/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off. */
const LINEARIZABLE_MS = 5_000;

export type OrganizationStore = ReturnType<typeof organizationStore>;

export function organizationStore(connection: Connection) {
  const organizations = connection.model<OrganizationRow>('Organization', schema, 'organizations');
  return {
    async prepare(): Promise<void> {
      await organizations.createCollection();
    },

    async insert(row: OrganizationRow, session: ClientSession): Promise<void> {
      await organizations.insertMany([row], { session });
    },

    async find(organizationId: string, session?: ClientSession): Promise<OrganizationRow | undefined> {
      return (await organizations.findById(organizationId, null, { session }).lean<OrganizationRow>()) ?? undefined;
    },

    /** For decisions: the primary's confirmed state, whatever happened a moment ago. */
    async findFact(organizationId: string): Promise<OrganizationRow | undefined> {
      const query = organizations.findById(organizationId).read('primary').readConcern('linearizable');
      return (await query.maxTimeMS(LINEARIZABLE_MS).lean<OrganizationRow>()) ?? undefined;
    },

    /** Those of the ids that exist, in any order. */
    async findAll(ids: readonly string[]): Promise<OrganizationRow[]> {
      return await organizations.find({ _id: { $in: [...ids] } }).lean<OrganizationRow[]>();
    },

    /** Writes name, settings and version. */
    async update(row: OrganizationRow, session: ClientSession): Promise<void> {
      const { _id, displayName, settings, version } = row;
      await organizations.updateOne({ _id }, { $set: { displayName, settings, version } }, { session });
    },

    /** CREATING to ACTIVE, or to DELETED when it cannot come to be; false when it is not CREATING any more. */
    async conclude(organizationId: string, state: 'ACTIVE' | 'DELETED', session: ClientSession): Promise<boolean> {
      const filter = { _id: organizationId, state: 'CREATING' } as const;
      return (await organizations.updateOne(filter, { $set: { state } }, { session })).matchedCount === 1;
    },
  };
}
