import { startOverIfDuplicate } from '@latchkey/coherence';
import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type Seats } from './seats';

interface SeatsDocument {
  readonly _id: string;
  readonly admins: readonly string[];
  readonly closed: readonly string[];
  readonly version: number;
}

const schema = new Schema<SeatsDocument>(
  {
    _id: { type: String, required: true },
    admins: [String],
    closed: [String],
    version: { type: Number, required: true },
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);

export type SeatStore = ReturnType<typeof seatStore>;

/** The seats of organization Admins, one document per organization. */
export function seatStore(connection: Connection) {
  const documents = connection.model<SeatsDocument>('Seats', schema, 'seats');
  return {
    async prepare(): Promise<void> {
      await documents.createCollection();
    },

    async read(organizationId: string, session?: ClientSession): Promise<Seats> {
      const document = await documents.findById(organizationId, null, { session }).lean<SeatsDocument>();
      return { organizationId, admins: document?.admins ?? [], closed: document?.closed ?? [] };
    },

    /** Conflicts with any other transaction that changes a seat of this organization: the later one starts over. */
    async write({ organizationId, admins, closed }: Seats, session: ClientSession): Promise<void> {
      await startOverIfDuplicate(() =>
        documents.updateOne(
          { _id: organizationId },
          { $set: { admins, closed }, $inc: { version: 1 } },
          { session, upsert: true },
        ),
      );
    },
  };
}
