import { type auditV1 } from '@latchkey/proto';
import { permission, rpc, type RpcTable } from '@latchkey/service';
import { type Mutations } from './mutations';

/**
 * The table of `AuditService`, the same in every service that changes state: each mounts it over its own trail.
 * Who may manage the organization may read what was done in it.
 */
export const auditTable = (mutations: Pick<Mutations, 'listAudit'>) =>
  ({
    listAuditEntries: rpc(
      permission('organization:manage', { organization: 'organizationId' }),
      (request: auditV1.ListAuditEntriesRequest): Promise<auditV1.ListAuditEntriesResponse> =>
        mutations.listAudit(request),
    ),
  }) satisfies RpcTable<auditV1.AuditServiceService>;
