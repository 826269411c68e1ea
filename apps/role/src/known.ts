import { type Transaction } from '@latchkey/coherence';
import { type BindingRecord, rolesNamedBy } from './binding';
import { type Catalogue } from './catalogue';
import { type Deps } from './deps';
import { roleNotFound } from './errors';
import { type BoundGranter, granterOf } from './granting';
import { builtInRoles, isBuiltInRole, type RoleView, viewOf } from './role';

type Stores = Pick<Deps, 'roles' | 'bindings'>;
type Session = Transaction['session'];

/** Those of the ids that are built-in roles or live roles of the organization. */
export async function rolesById(
  { roles }: Pick<Deps, 'roles'>,
  organizationId: string,
  ids: readonly string[],
  catalogue: Catalogue,
  session?: Session,
): Promise<ReadonlyMap<string, RoleView>> {
  const custom = ids.filter((id) => !isBuiltInRole(id));
  const stored = custom.length > 0 ? await roles.findAll(organizationId, custom, session) : [];
  const views = [...builtInRoles(catalogue), ...stored.map(viewOf)].filter(({ id }) => ids.includes(id));
  return new Map(views.map((role) => [role.id, role]));
}

/** @throws AppError NOT_FOUND (ROLE_NOT_FOUND), for an absent role and another organization's alike */
export async function requireRole(
  stores: Pick<Deps, 'roles'>,
  organizationId: string,
  roleId: string,
  catalogue: Catalogue,
  session?: Session,
): Promise<RoleView> {
  const role = (await rolesById(stores, organizationId, [roleId], catalogue, session)).get(roleId);
  if (role === undefined) throw roleNotFound(roleId);
  return role;
}

/** What the principal may grant at this moment, and its binding. */
export async function findGranter(
  stores: Stores,
  organizationId: string,
  principalId: string,
  catalogue: Catalogue,
  session: Session,
): Promise<{ granter: BoundGranter; binding: BindingRecord | undefined }> {
  const binding = await stores.bindings.findLive(organizationId, principalId, session);
  const roles = await rolesById(stores, organizationId, binding ? rolesNamedBy(binding) : [], catalogue, session);
  return { granter: granterOf(binding, roles, catalogue), binding };
}
