import { type identityV1 } from '@latchkey/proto';
import { permission, rpc, type RpcTable, signedInUser } from '@latchkey/service';
import { type Deps } from './deps';
import { createOrganization } from './rpc/create-organization';
import { getOrganization } from './rpc/get-organization';
import { listOrganizations } from './rpc/list-organizations';
import { updateOrganization } from './rpc/update-organization';

const inOrganization = { organization: 'organizationId' } as const;

export const organizationTable = (deps: Deps) =>
  ({
    createOrganization: rpc(signedInUser(), createOrganization(deps)),
    getOrganization: rpc(permission('organization:read', inOrganization), getOrganization(deps)),
    listOrganizations: rpc(signedInUser(), listOrganizations(deps)),
    updateOrganization: rpc(permission('organization:manage', inOrganization), updateOrganization(deps)),
  }) satisfies RpcTable<identityV1.OrganizationServiceService>;
