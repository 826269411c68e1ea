import { type roleV1 } from '@latchkey/proto';
import { type Deps } from '../deps';
import { builtInRoles, isBuiltInRole, type RoleView, toProtoScope, viewOf } from '../role';

type Stores = Pick<Deps, 'catalogues' | 'roles'>;

export const getRoleFact =
  (stores: Stores) =>
  async ({ roleId }: roleV1.GetRoleFactRequest): Promise<roleV1.GetRoleFactResponse> => {
    const role = await find(stores, roleId);
    return {
      fact: role && {
        roleId: role.id,
        organizationId: role.organizationId,
        scope: toProtoScope(role.scope),
        permissionBits: Buffer.from(role.permissions.toBytes()),
      },
    };
  };

async function find({ catalogues, roles }: Stores, roleId: string): Promise<RoleView | undefined> {
  if (isBuiltInRole(roleId)) return builtInRoles(await catalogues.readForFacts()).find(({ id }) => id === roleId);
  const record = await roles.findForFacts(roleId);
  return record && viewOf(record);
}
