import { type roleV1 } from '@latchkey/proto';
import { granting, permission, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { createRole } from './rpc/create-role';
import { deleteRole } from './rpc/delete-role';
import { getRole } from './rpc/get-role';
import { listRoles } from './rpc/list-roles';
import { updateRole } from './rpc/update-role';

const inOrganization = { organization: 'organizationId' } as const;

export const roleTable = (deps: Deps) =>
  ({
    createRole: rpc(permission('organization:manage', inOrganization), createRole(deps)),
    getRole: rpc(permission('organization:read', inOrganization), getRole(deps)),
    listRoles: rpc(permission('organization:read', inOrganization), listRoles(deps)),
    updateRole: rpc(granting(permission('organization:manage', inOrganization)), updateRole(deps)),
    deleteRole: rpc(permission('organization:manage', inOrganization), deleteRole(deps)),
  }) satisfies RpcTable<roleV1.RoleServiceService>;
