import {
  BUILT_IN_ROLE_IDS,
  type Granter,
  heldPermissions,
  isOrganizationAdmin,
  missingToGrant,
  type PermissionSet,
} from '@latchkey/decision';
import { type BindingRecord, bindingFact, NO_ROLES, roleIn } from './binding';
import { type Catalogue, catalogueFact, namesOf } from './catalogue';
import { grantExceedsOwn } from './errors';
import { type RoleView } from './role';

/** One who grants, as this service knows it: by its binding. */
export interface BoundGranter extends Granter {
  /** Admin of the workspace by role, or of the whole organization. Holding as many permissions is not enough. */
  isWorkspaceAdmin(workspaceId: string): boolean;
}

/**
 * @param binding the granter's live binding in the organization; without one it may grant nothing
 * @param roles by id, those that the binding names
 */
export function granterOf(
  binding: BindingRecord | undefined,
  roles: ReadonlyMap<string, RoleView>,
  catalogue: Catalogue,
): BoundGranter {
  const held = bindingFact(binding ?? NO_ROLES);
  // Entered as a person: what a key may be narrowed to is not known to this service.
  const facts = {
    entry: { kind: 'user', userId: '' },
    binding: held,
    roles,
    catalogue: catalogueFact(catalogue),
  } as const;
  const organizationAdmin = isOrganizationAdmin(facts);
  return {
    organizationAdmin,
    permissionsIn: ({ workspaceId }) => heldPermissions(facts, workspaceId),
    isWorkspaceAdmin: (workspaceId) =>
      organizationAdmin || roleIn(binding ?? NO_ROLES, workspaceId) === BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN,
  };
}

/**
 * Nobody grants, or takes away, what they do not hold in that very place. An empty workspace id is the organization.
 * @throws AppError PERMISSION_DENIED (GRANT_EXCEEDS_OWN), naming the first missing permission
 */
export function assertMayGrant(
  granter: Granter,
  granted: PermissionSet,
  workspaceId: string,
  catalogue: Catalogue,
): void {
  const missing = missingToGrant(granter, granted, { workspaceId });
  if (missing.isEmpty) return;
  const names = namesOf(catalogue, missing);
  // Retired permissions allow nothing, so that granting them grants nothing.
  if (names.length > 0) throw grantExceedsOwn(names, workspaceId);
}
