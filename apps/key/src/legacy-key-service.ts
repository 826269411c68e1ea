import { type keyV1 } from '@latchkey/proto';
import { granting, permission, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { importLegacyKeys } from './rpc/import-legacy-keys';
import { setLegacySunset } from './rpc/set-legacy-sunset';

export const legacyKeyTable = (deps: Deps) =>
  ({
    importLegacyKeys: rpc(
      granting(permission('workspaces:manage-keys', { organization: 'organizationId', workspace: 'workspaceId' })),
      importLegacyKeys(deps),
    ),
    setLegacySunset: rpc(permission('organization:manage', { organization: 'organizationId' }), setLegacySunset(deps)),
  }) satisfies RpcTable<keyV1.LegacyKeyServiceService>;
