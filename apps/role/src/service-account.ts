import { type CallContext } from '@latchkey/service';
import { type BindingRecord } from './binding';
import { type Catalogue } from './catalogue';
import { type Deps } from './deps';
import { principalGone, principalNotFound, workspaceAdminRequired } from './errors';
import { assertMayGrant, type BoundGranter } from './granting';
import { type RoleView } from './role';

/**
 * The binding, if it is one of this organization's.
 * @throws AppError NOT_FOUND (PRINCIPAL_NOT_FOUND), FAILED_PRECONDITION (PRINCIPAL_GONE)
 */
export function boundIn(
  organizationId: string,
  principalId: string,
  binding: BindingRecord | undefined,
): BindingRecord {
  // Another organization's principal looks like none.
  if (binding?.organizationId !== organizationId) throw principalNotFound(principalId);
  if (binding.removed) throw principalGone(principalId);
  return binding;
}

/** Whether the organization asks of those who create and change service keys no more than to hold what the key holds. */
export async function delegatesServiceKeys(
  { identity }: Pick<Deps, 'identity'>,
  organizationId: string,
  ctx: CallContext,
): Promise<boolean> {
  const { fact } = await identity.getOrganizationFact({ organizationId }, ctx);
  return fact?.organizationId === organizationId && fact.delegateServiceKeys;
}

/**
 * Whoever disposes of a service account holds all that it does in each of its workspaces, and is Admin there unless the
 * organization delegates service keys.
 * @param roles by id, those that the binding names
 * @param delegated see {@link delegatesServiceKeys}
 * @param more roles that it is to get in each of its workspaces
 * @throws AppError PERMISSION_DENIED (WORKSPACE_ADMIN_REQUIRED, GRANT_EXCEEDS_OWN)
 */
export function assertMayDispose(
  granter: BoundGranter,
  binding: BindingRecord,
  roles: ReadonlyMap<string, RoleView>,
  catalogue: Catalogue,
  delegated: boolean,
  more: readonly RoleView[] = [],
): void {
  for (const { workspaceId, roleId } of binding.workspaceRoles) {
    if (!delegated && !granter.isWorkspaceAdmin(workspaceId)) throw workspaceAdminRequired(workspaceId);
    for (const role of [roles.get(roleId), ...more]) {
      if (role) assertMayGrant(granter, role.permissions, workspaceId, catalogue);
    }
  }
}
