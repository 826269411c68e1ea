import { type identityV1 } from '@latchkey/proto';
import { callerOnly, permission, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { completeDeletion } from './rpc/complete-deletion';
import { getDeletion } from './rpc/get-deletion';
import { listDeletions } from './rpc/list-deletions';
import { retryDeletion } from './rpc/retry-deletion';

const inOrganization = { organization: 'organizationId' } as const;

export const deletionTable = (deps: Deps) =>
  ({
    getDeletion: rpc(permission('organization:manage-members', inOrganization), getDeletion(deps)),
    listDeletions: rpc(permission('organization:manage-members', inOrganization), listDeletions(deps)),
    retryDeletion: rpc(permission('organization:manage-members', inOrganization), retryDeletion(deps)),
    completeDeletion: rpc(callerOnly('worker'), completeDeletion(deps)),
  }) satisfies RpcTable<identityV1.DeletionServiceService>;
