import { type keyV1 } from '@latchkey/proto';
import { granting, permission, permissionOn, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { createServiceKey } from './rpc/create-service-key';
import { deleteServiceKey, workspacesOfKey } from './rpc/delete-service-key';
import { getServiceKey } from './rpc/get-service-key';
import { listServiceKeys } from './rpc/list-service-keys';

export const serviceKeyTable = (deps: Deps) => {
  const read = permission('organization:read', { organization: 'organizationId' });
  return {
    createServiceKey: rpc(
      granting(permission('workspaces:manage-keys', { organization: 'organizationId', workspaces: 'workspaceIds' })),
      createServiceKey(deps),
    ),
    getServiceKey: rpc(read, getServiceKey(deps)),
    listServiceKeys: rpc(read, listServiceKeys(deps)),
    deleteServiceKey: rpc(
      permissionOn('workspaces:manage-keys', { organization: 'organizationId', workspacesOf: workspacesOfKey(deps) }),
      deleteServiceKey(deps),
    ),
  } satisfies RpcTable<keyV1.ServiceKeyServiceService>;
};
