import { type roleV1 } from '@latchkey/proto';
import { callerOnly, granting, permission, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { addWorkspaceMember } from './rpc/add-workspace-member';
import { bindPrincipal } from './rpc/bind-principal';
import { checkServiceAccountGrant } from './rpc/check-service-account-grant';
import { closeSeat } from './rpc/close-seat';
import { getBinding } from './rpc/get-binding';
import { listBindings } from './rpc/list-bindings';
import { rebindServiceAccount } from './rpc/rebind-service-account';
import { removePrincipal } from './rpc/remove-principal';
import { removeWorkspace } from './rpc/remove-workspace';
import { removeWorkspaceMember } from './rpc/remove-workspace-member';
import { reopenSeat } from './rpc/reopen-seat';
import { setOrganizationRole } from './rpc/set-organization-role';
import { setWorkspaceRole } from './rpc/set-workspace-role';

const inOrganization = { organization: 'organizationId' } as const;
const inWorkspace = { organization: 'organizationId', workspace: 'workspaceId' } as const;

export const bindingTable = (deps: Deps) =>
  ({
    setOrganizationRole: rpc(
      granting(permission('organization:manage-members', inOrganization)),
      setOrganizationRole(deps),
    ),
    addWorkspaceMember: rpc(granting(permission('workspaces:manage-members', inWorkspace)), addWorkspaceMember(deps)),
    setWorkspaceRole: rpc(granting(permission('workspaces:manage-members', inWorkspace)), setWorkspaceRole(deps)),
    removeWorkspaceMember: rpc(permission('workspaces:manage-members', inWorkspace), removeWorkspaceMember(deps)),
    getBinding: rpc(permission('organization:read', inOrganization), getBinding(deps)),
    listBindings: rpc(permission('organization:read', inOrganization), listBindings(deps)),
    bindPrincipal: rpc(callerOnly('identity', 'key'), bindPrincipal(deps)),
    rebindServiceAccount: rpc(callerOnly('key'), rebindServiceAccount(deps)),
    checkServiceAccountGrant: rpc(callerOnly('key'), checkServiceAccountGrant(deps)),
    removePrincipal: rpc(callerOnly('worker', 'identity', 'key'), removePrincipal(deps)),
    removeWorkspace: rpc(callerOnly('identity', 'worker'), removeWorkspace(deps)),
    closeSeat: rpc(callerOnly('identity'), closeSeat(deps)),
    reopenSeat: rpc(callerOnly('identity'), reopenSeat(deps)),
  }) satisfies RpcTable<roleV1.BindingServiceService>;
