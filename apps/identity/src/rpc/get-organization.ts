import { type identityV1 } from '@latchkey/proto';
import { organizationNotFound } from '@latchkey/service';
import { type Deps } from '../deps';
import { toOrganization } from '../organization';

export const getOrganization =
  ({ organizations }: Pick<Deps, 'organizations'>) =>
  async ({ organizationId }: identityV1.GetOrganizationRequest): Promise<identityV1.GetOrganizationResponse> => {
    const row = await organizations.find(organizationId);
    if (row?.state !== 'ACTIVE') throw organizationNotFound(organizationId);
    return { organization: toOrganization(row) };
  };
