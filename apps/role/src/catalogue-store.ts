import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type Catalogue, NO_CATALOGUE } from './catalogue';

interface CatalogueDocument extends Catalogue {
  readonly _id: string;
}

const ID = 'catalogue';
const DUPLICATE_KEY = 11_000;
/** A linearizable read waits for a majority; without a limit it would wait for ever on a primary that was cut off. */
const LINEARIZABLE_MS = 5_000;

const text = { type: String, required: true };
const number = { type: Number, required: true };

const schema = new Schema<CatalogueDocument>(
  {
    _id: text,
    version: number,
    permissions: [
      new Schema(
        {
          number,
          name: text,
          scope: text,
          description: { type: String, default: '' },
          builtInRoles: [String],
          retired: { type: Boolean, required: true },
        },
        { _id: false },
      ),
    ],
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);

export type CatalogueStore = ReturnType<typeof catalogueStore>;

/** The permission catalogue, one document. */
export function catalogueStore(connection: Connection) {
  const documents = connection.model<CatalogueDocument>('Catalogue', schema, 'catalogue');
  return {
    /** Also writes an empty catalogue of version 0 where there is none: then every change is an update of one document. */
    async prepare(): Promise<void> {
      await documents.createCollection();
      try {
        await documents.updateOne({ _id: ID }, { $setOnInsert: { ...NO_CATALOGUE } }, { upsert: true });
      } catch (error) {
        // Another replica that starts at this moment has written it.
        if ((error as { code?: unknown }).code !== DUPLICATE_KEY) throw error;
      }
    },

    async read(session?: ClientSession): Promise<Catalogue> {
      return contentOf(await documents.findById(ID, null, { session }).lean<CatalogueDocument>());
    },

    /** For decisions: the primary's confirmed state, whatever happened a moment ago. */
    async readForFacts(): Promise<Catalogue> {
      const query = documents.findById(ID).read('primary').readConcern('linearizable').maxTimeMS(LINEARIZABLE_MS);
      return contentOf(await query.lean<CatalogueDocument>());
    },

    /** Conflicts with any other transaction that writes it. */
    async write({ version, permissions }: Catalogue, session: ClientSession): Promise<void> {
      await documents.updateOne({ _id: ID }, { $set: { version, permissions } }, { session });
    },
  };
}

function contentOf(document: CatalogueDocument | null): Catalogue {
  return document ? { version: document.version, permissions: document.permissions } : NO_CATALOGUE;
}
