import { keyV1 } from '@latchkey/proto';
import { type CallContext, workspaceNotFound } from '@latchkey/service';
import { type Deps } from '../deps';
import { workspaceNotDeleted } from '../errors';
import { REMOVAL } from '../service-account';

/** Each key has an audit entry of its own, and a transaction is to stay short. */
const BATCH = 100;

export const removeWorkspace =
  ({ mutations, keys, source }: Pick<Deps, 'mutations' | 'keys' | 'source'>) =>
  async (request: keyV1.RemoveWorkspaceRequest, ctx: CallContext): Promise<keyV1.RemoveWorkspaceResponse> => {
    const { organizationId, workspaceId } = request;
    // identity is believed when it says which workspace, never when it says that it is gone.
    const workspace = await source.getWorkspace(workspaceId, ctx);
    if (workspace?.organizationId !== organizationId) throw workspaceNotFound(workspaceId);
    if (workspace.state !== 'DELETED') throw workspaceNotDeleted(workspaceId);

    const { answer } = await mutations.run(ctx, keyV1.RemoveWorkspaceResponse, async (tx) => {
      const found = await keys.listInWorkspace({ organizationId, workspaceId, limit: BATCH + 1 }, tx.session);
      const batch = found.slice(0, BATCH);
      const actsElsewhere = ({ workspaceIds }: (typeof batch)[number]) => workspaceIds.some((id) => id !== workspaceId);
      const kept = batch.filter(actsElsewhere).map(({ _id }) => _id);
      const dead = batch.filter((key) => !actsElsewhere(key)).map(({ _id }) => _id);
      if (kept.length > 0) await keys.dropWorkspace(kept, workspaceId, tx.session);
      // A key without workspaces would be a key without limits, if anybody ever forgot to ask: it dies instead.
      if (dead.length > 0) await keys.revokeWithoutWorkspaces(dead, tx.now, tx.session);
      for (const id of dead) {
        tx.changed('key', id);
        tx.enqueue({ kind: REMOVAL, key: id, payload: {} });
      }
      return tx.audited(
        { keysChanged: kept.length, keysRevoked: dead.length, more: found.length > BATCH },
        ...kept.map((id) => ({ organizationId, object: { kind: 'key', id }, changed: ['workspace_ids'] })),
        ...dead.map((id) => ({ organizationId, object: { kind: 'key', id }, changed: ['state'] })),
      );
    });
    return answer;
  };
