import { identityV1 } from '@latchkey/proto';
import { organizationNotFound, type PrincipalContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from '../deps';
import { toWorkspace, workspaceKey, type WorkspaceRow } from '../workspace';

export const createWorkspace =
  ({ mutations, organizations, workspaces }: Pick<Deps, 'mutations' | 'organizations' | 'workspaces'>) =>
  async (
    { organizationId, name }: identityV1.CreateWorkspaceRequest,
    ctx: PrincipalContext,
  ): Promise<identityV1.CreateWorkspaceResponse> => {
    const { answer } = await mutations.run(ctx, identityV1.CreateWorkspaceResponse, async (tx) => {
      const organization = await organizations.find(organizationId, tx.session);
      if (organization?.state !== 'ACTIVE') throw organizationNotFound(organizationId);
      const row: WorkspaceRow = {
        _id: typeid('ws').toString(),
        organizationId,
        name,
        state: 'ACTIVE',
        liveKey: workspaceKey(organizationId, name),
        createTime: tx.now,
      };
      await workspaces.insert(row, tx.session);
      return tx.audited(
        { workspace: toWorkspace(row) },
        { organizationId, object: { kind: 'workspace', id: row._id }, changed: ['name', 'state'] },
      );
    });
    return answer;
  };
