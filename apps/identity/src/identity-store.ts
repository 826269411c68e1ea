import mongoose from 'mongoose';
import { deletionStore } from './deletion-store';
import { memberStore } from './member-store';
import { organizationStore } from './organization-store';
import { userStore } from './user-store';
import { workspaceStore } from './workspace-store';

/** For the database to be found, or found again, ms; less than any call may take. */
const LIMIT_MS = 5_000;

export type IdentityStore = Awaited<ReturnType<typeof openIdentityStore>>;

/** This service's database and all that is kept in it. */
export async function openIdentityStore(uri: string, dbName = 'latchkey_identity') {
  const connection = await mongoose
    .createConnection(uri, {
      dbName,
      serverSelectionTimeoutMS: LIMIT_MS,
      // Stated here, whatever the URI says.
      writeConcern: { w: 'majority', journal: true },
      autoIndex: false,
      autoCreate: false,
    })
    .asPromise();
  const stores = {
    organizations: organizationStore(connection),
    workspaces: workspaceStore(connection),
    users: userStore(connection),
    members: memberStore(connection),
    deletions: deletionStore(connection),
  };
  return {
    connection,
    stores,
    /** Creates what is missing, one after the other; before the first transaction. */
    async prepare(): Promise<void> {
      for (const store of Object.values(stores)) await store.prepare();
    },
    /** Resolves while the database answers. */
    async ping(): Promise<void> {
      await connection.db?.command({ ping: 1 });
    },
    async close(): Promise<void> {
      await connection.close();
    },
  };
}
