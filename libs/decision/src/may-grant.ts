import { PermissionSet } from './permission-set';

/** Where something is granted: in one workspace, or with an empty id in the organization and so in all of its workspaces. */
export interface GrantScope {
  readonly workspaceId: string;
}

/** Who grants. */
export interface Granter {
  /** The full power of an organization admin; see `isOrganizationAdmin`. */
  readonly organizationAdmin: boolean;
  /** What the granter holds there; see `heldPermissions`. */
  permissionsIn(scope: GrantScope): PermissionSet;
}

/**
 * The rule against escalation: nobody grants, by binding, role edit, key or invitation, what they do not hold themselves
 * in that very place, unless they are an organization admin.
 * Answers the permissions that are missing; the grant is allowed when there are none.
 */
export function missingToGrant(granter: Granter, granted: PermissionSet, scope: GrantScope): PermissionSet {
  return granter.organizationAdmin ? PermissionSet.EMPTY : granted.difference(granter.permissionsIn(scope));
}

/** Whether nothing is missing; see {@link missingToGrant}. */
export function mayGrant(granter: Granter, granted: PermissionSet, scope: GrantScope): boolean {
  return missingToGrant(granter, granted, scope).isEmpty;
}
