import { type roleV1 } from '@latchkey/proto';
import { type Deps } from '../deps';
import { requireRole } from '../known';
import { toProtoRole } from '../role';

export const getRole =
  (deps: Pick<Deps, 'catalogues' | 'roles'>) =>
  async ({ organizationId, roleId }: roleV1.GetRoleRequest): Promise<roleV1.GetRoleResponse> => {
    const catalogue = await deps.catalogues.read();
    return { role: toProtoRole(await requireRole(deps, organizationId, roleId, catalogue), catalogue) };
  };
