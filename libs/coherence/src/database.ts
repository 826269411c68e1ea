import mongoose from 'mongoose';

/** For the database to be found, or found again, ms; less than any call may take. */
const SELECTION_MS = 5_000;

/** After which a connection that has gone silent counts as broken, ms; longer than any operation may take. */
const SILENCE_MS = 20_000;

/**
 * Opens a service's own database. What writes must survive is stated here, whatever the URI says; `retryWrites`, where it is not
 * given, is the URI's affair.
 */
export async function openDatabase(
  uri: string,
  dbName: string,
  options: { readonly retryWrites?: boolean } = {},
): Promise<mongoose.Connection> {
  return await mongoose
    .createConnection(uri, {
      ...options,
      dbName,
      serverSelectionTimeoutMS: SELECTION_MS,
      // A network that swallows everything would otherwise hold an operation for ever.
      socketTimeoutMS: SILENCE_MS,
      writeConcern: { w: 'majority', journal: true },
      // Collections and indexes are made by an explicit step at start, before the first transaction.
      autoIndex: false,
      autoCreate: false,
      // An operation fails at once while there is no database, rather than wait for one.
      bufferCommands: false,
    })
    .asPromise();
}

/** Resolves when the database answers. How long to wait is the caller's to say. */
export async function ping(database: mongoose.Connection): Promise<void> {
  await database.db?.command({ ping: 1 });
}
