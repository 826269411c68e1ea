import { type keyV1 } from '@latchkey/proto';
import { callerOnly, granting, permission, permissionOn, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { createServiceKey } from './rpc/create-service-key';
import { deleteServiceKey, workspacesOfKey } from './rpc/delete-service-key';
import { disableServiceKey } from './rpc/disable-service-key';
import { enableServiceKey } from './rpc/enable-service-key';
import { getServiceKey } from './rpc/get-service-key';
import { listServiceKeys } from './rpc/list-service-keys';
import { removeWorkspace } from './rpc/remove-workspace';
import { rotateServiceKey } from './rpc/rotate-service-key';
import { updateServiceKey } from './rpc/update-service-key';

export const serviceKeyTable = (deps: Deps) => {
  const read = permission('organization:read', { organization: 'organizationId' });
  const manage = permissionOn('workspaces:manage-keys', {
    organization: 'organizationId',
    workspacesOf: workspacesOfKey(deps),
  });
  return {
    createServiceKey: rpc(
      granting(permission('workspaces:manage-keys', { organization: 'organizationId', workspaces: 'workspaceIds' })),
      createServiceKey(deps),
    ),
    getServiceKey: rpc(read, getServiceKey(deps)),
    listServiceKeys: rpc(read, listServiceKeys(deps)),
    updateServiceKey: rpc(granting(manage), updateServiceKey(deps)),
    disableServiceKey: rpc(manage, disableServiceKey(deps)),
    enableServiceKey: rpc(granting(manage), enableServiceKey(deps)),
    rotateServiceKey: rpc(granting(manage), rotateServiceKey(deps)),
    deleteServiceKey: rpc(manage, deleteServiceKey(deps)),
    removeWorkspace: rpc(callerOnly('identity'), removeWorkspace(deps)),
  } satisfies RpcTable<keyV1.ServiceKeyServiceService>;
};
