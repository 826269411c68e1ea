import { openDatabase } from '@latchkey/coherence';
import { deletionStore } from './deletion-store';
import { memberStore } from './member-store';
import { organizationStore } from './organization-store';
import { userStore } from './user-store';
import { workspaceStore } from './workspace-store';

export type IdentityStore = Awaited<ReturnType<typeof openIdentityStore>>;

/** This service's database and all that is kept in it. */
export async function openIdentityStore(uri: string, dbName = 'latchkey_identity') {
  const connection = await openDatabase(uri, dbName);
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
  };
}
