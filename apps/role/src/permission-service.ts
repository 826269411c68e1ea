import { type roleV1 } from '@latchkey/proto';
import { callerOnly, permission, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { applyCatalogue } from './rpc/apply-catalogue';
import { listPermissions } from './rpc/list-permissions';

export const permissionTable = (deps: Deps, operators: readonly string[]) =>
  ({
    listPermissions: rpc(permission('organization:read', { organization: 'organizationId' }), listPermissions(deps)),
    applyCatalogue: rpc(callerOnly(...operators), applyCatalogue(deps)),
  }) satisfies RpcTable<roleV1.PermissionServiceService>;
