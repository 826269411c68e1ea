import { type identityV1 } from '@latchkey/proto';
import { orGone, permission, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { createWorkspace } from './rpc/create-workspace';
import { deleteWorkspace } from './rpc/delete-workspace';
import { getWorkspace } from './rpc/get-workspace';
import { listWorkspaces } from './rpc/list-workspaces';

const inOrganization = { organization: 'organizationId' } as const;
const inWorkspace = { organization: 'organizationId', workspace: 'workspaceId' } as const;

export const workspaceTable = (deps: Deps) =>
  ({
    createWorkspace: rpc(permission('organization:manage', inOrganization), createWorkspace(deps)),
    getWorkspace: rpc(permission('workspaces:read', inWorkspace), getWorkspace(deps)),
    listWorkspaces: rpc(permission('organization:read', inOrganization), listWorkspaces(deps)),
    deleteWorkspace: rpc(orGone(permission('workspaces:manage', inWorkspace), inOrganization), deleteWorkspace(deps)),
  }) satisfies RpcTable<identityV1.WorkspaceServiceService>;
