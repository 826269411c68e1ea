import mongoose from 'mongoose';

/** One stored document, wherever it stands. */
export interface StoredDocument {
  database: string;
  collection: string;
  document: Record<string, unknown>;
}

/** Reads every document of the services' databases: for tests of what is, and what must not be, stored. */
export async function readAllDocuments(uri: string): Promise<StoredDocument[]> {
  const connection = await mongoose.createConnection(uri).asPromise();
  try {
    const stored: StoredDocument[] = [];
    for (const database of ['latchkey_identity', 'latchkey_role', 'latchkey_key']) {
      const { db } = connection.useDb(database);
      if (!db) throw new Error(`${database} cannot be opened`);
      for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
        const documents = await db.collection(name).find().toArray();
        stored.push(...documents.map((document) => ({ database, collection: name, document })));
      }
    }
    return stored;
  } finally {
    await connection.close();
  }
}
