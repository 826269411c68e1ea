import { identityV1 } from '@latchkey/proto';
import { type PrincipalContext, workspaceNotFound } from '@latchkey/service';
import { type Deps } from '../deps';
import { WORKSPACE_REMOVAL } from '../workspace-removal';

export const deleteWorkspace =
  ({ mutations, workspaces }: Pick<Deps, 'mutations' | 'workspaces'>) =>
  async (
    { organizationId, workspaceId }: identityV1.DeleteWorkspaceRequest,
    ctx: PrincipalContext,
  ): Promise<identityV1.DeleteWorkspaceResponse> => {
    const { answer } = await mutations.run(ctx, identityV1.DeleteWorkspaceResponse, async (tx) => {
      tx.changed('workspace', workspaceId);
      if (!(await workspaces.remove(organizationId, workspaceId, tx.session))) throw workspaceNotFound(workspaceId);
      // The tombstone alone refuses everything in it; what is left to do is to tidy up.
      tx.enqueue({ kind: WORKSPACE_REMOVAL, key: workspaceId, payload: { organizationId, workspaceId } });
      return tx.audited({}, { organizationId, object: { kind: 'workspace', id: workspaceId }, changed: ['state'] });
    });
    return answer;
  };
