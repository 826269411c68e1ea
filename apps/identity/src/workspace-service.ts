import { type identityV1 } from '@latchkey/proto';
import { permission, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { createWorkspace } from './rpc/create-workspace';
import { getWorkspace } from './rpc/get-workspace';
import { listWorkspaces } from './rpc/list-workspaces';

const inOrganization = { organization: 'organizationId' } as const;

export const workspaceTable = (deps: Deps) =>
  ({
    createWorkspace: rpc(permission('organization:manage', inOrganization), createWorkspace(deps)),
    getWorkspace: rpc(
      permission('workspaces:read', { organization: 'organizationId', workspace: 'workspaceId' }),
      getWorkspace(deps),
    ),
    listWorkspaces: rpc(permission('organization:read', inOrganization), listWorkspaces(deps)),
  }) satisfies RpcTable<identityV1.WorkspaceServiceService>;
