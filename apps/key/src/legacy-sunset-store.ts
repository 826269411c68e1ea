import { type ClientSession, type Connection, Schema } from 'mongoose';

/** What an organization has decided about its keys. */
interface Settings {
  /** The organization. */
  _id: string;
  legacySunset: Date;
}

const schema = new Schema<Settings>(
  { _id: { type: String, required: true }, legacySunset: { type: Date, required: true } },
  { autoCreate: false, autoIndex: false, versionKey: false },
);

const LINEARIZABLE_MS = 5_000;

export type LegacySunsetStore = ReturnType<typeof legacySunsetStore>;

export function legacySunsetStore(connection: Connection) {
  const settings = connection.model<Settings>('Settings', schema, 'settings');
  return {
    async prepare(): Promise<void> {
      await settings.createCollection();
    },

    /** For decisions, hence the primary's confirmed state. Undefined where nobody has moved it. */
    async find(organizationId: string): Promise<Date | undefined> {
      const query = settings.findById(organizationId).read('primary').readConcern('linearizable');
      return (await query.maxTimeMS(LINEARIZABLE_MS).lean<Settings>())?.legacySunset;
    },

    /** Answers whether it was another. */
    async set(organizationId: string, legacySunset: Date, session: ClientSession): Promise<boolean> {
      const options = { session, upsert: true, returnDocument: 'before' } as const;
      const before = await settings
        .findOneAndUpdate({ _id: organizationId }, { $set: { legacySunset } }, options)
        .lean<Settings>();
      return before?.legacySunset.getTime() !== legacySunset.getTime();
    },
  };
}
