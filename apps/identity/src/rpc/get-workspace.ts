import { type identityV1 } from '@latchkey/proto';
import { workspaceNotFound } from '@latchkey/service';
import { type Deps } from '../deps';
import { toWorkspace } from '../workspace';

export const getWorkspace =
  ({ workspaces }: Pick<Deps, 'workspaces'>) =>
  async ({ organizationId, workspaceId }: identityV1.GetWorkspaceRequest): Promise<identityV1.GetWorkspaceResponse> => {
    const row = await workspaces.find(organizationId, workspaceId);
    if (!row) throw workspaceNotFound(workspaceId);
    return { workspace: toWorkspace(row) };
  };
