import { AppError, type FieldViolation } from '@latchkey/service';

// The only place that words this service's own refusals. Those of callers and actors are worded by the library.

export function scopeChanged(permission: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'SCOPE_CHANGED',
    message: `the scope of ${permission} cannot change: give the other scope another name`,
    metadata: { permission },
  });
}

export function malformedCatalogue(violations: readonly FieldViolation[]): AppError {
  return invalid('the catalogue contradicts itself', violations);
}

export function tooManyPermissions(limit: number): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'TOO_MANY_PERMISSIONS',
    message: `a deployment's catalogue has room for ${limit} permissions in all its life`,
    metadata: { limit: String(limit) },
  });
}

export function roleNotFound(roleId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'ROLE_NOT_FOUND',
    message: 'no such role in this organization',
    metadata: { role_id: roleId },
  });
}

export function roleNameTaken(): AppError {
  return new AppError({
    code: 'ALREADY_EXISTS',
    reason: 'ROLE_NAME_TAKEN',
    message: 'a role of this name exists already; case does not matter',
  });
}

export function tooManyRoles(limit: number): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'TOO_MANY_ROLES',
    message: `an organization may have at most ${limit} roles of its own; delete some first`,
    metadata: { limit: String(limit) },
  });
}

export function systemRole(roleId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'SYSTEM_ROLE',
    message: 'a built-in role cannot be changed or deleted',
    metadata: { role_id: roleId },
  });
}

export function roleInUse(roleId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'ROLE_IN_USE',
    message: 'somebody holds this role; give its holders another one first',
    metadata: { role_id: roleId },
  });
}

export function staleEtag(): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'STALE_ETAG',
    message: 'it has changed since it was read: read it again and repeat the change',
  });
}

/** One of the request's permissions that cannot be taken, by its place in `permissions`. */
export interface PermissionProblem {
  readonly index: number;
  /** Not in the catalogue, or not for a role of this scope. */
  readonly why: 'unknown' | 'scope';
}

export function unusablePermissions(problems: readonly PermissionProblem[]): AppError {
  return invalid(
    'not every permission can be in this role',
    problems.map(({ index, why }) => ({
      field: `permissions[${index}]`,
      rule: why === 'unknown' ? 'catalogue' : 'catalogue.scope',
      description:
        why === 'unknown'
          ? 'must be a permission of the catalogue'
          : 'a workspace role takes workspace permissions only',
    })),
  );
}

/** The role exists, but cannot be held in the place that the field says. */
export function roleOfWrongScope(field: string, scope: 'organization' | 'workspace'): AppError {
  return invalid('the role cannot be held there', [
    { field, rule: 'role.scope', description: `must be a role with the scope ${scope}` },
  ]);
}

export function duplicateWorkspace(index: number): AppError {
  return invalid('a workspace is named twice', [
    { field: `workspace_roles[${index}].workspace_id`, rule: 'unique', description: 'at most one role per workspace' },
  ]);
}

export function organizationRoleOfServiceAccount(): AppError {
  return invalid('a service account has no organization role', [
    { field: 'organization_role_id', rule: 'principal', description: 'must be empty for a service account' },
  ]);
}

export function founderMustBeMember(): AppError {
  return invalid('only a member can be a founder', [
    { field: 'granted_by', rule: 'required', description: 'may be empty only for the first member of an organization' },
  ]);
}

export function founderExists(organizationId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'FOUNDER_EXISTS',
    message: 'the organization has an Admin already, so a binding needs somebody who grants it',
    metadata: { organization_id: organizationId },
  });
}

export function principalNotFound(principalId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'PRINCIPAL_NOT_FOUND',
    message: 'no such principal in this organization',
    metadata: { principal_id: principalId },
  });
}

export function principalGone(principalId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'PRINCIPAL_GONE',
    message: 'the principal was removed, for good',
    metadata: { principal_id: principalId },
  });
}

export function superseded(principalId: string): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'SUPERSEDED',
    message: 'a later change of the role has been made already',
    metadata: { principal_id: principalId },
  });
}

export function workspaceNotDeleted(workspaceId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'WORKSPACE_NOT_DELETED',
    message: 'the workspace is still there, and so are the roles in it',
    metadata: { workspace_id: workspaceId },
  });
}

export function workspaceMemberExists(principalId: string, workspaceId: string): AppError {
  return new AppError({
    code: 'ALREADY_EXISTS',
    reason: 'WORKSPACE_MEMBER_EXISTS',
    message: 'the member has a role in this workspace already',
    metadata: { principal_id: principalId, workspace_id: workspaceId },
  });
}

export function workspaceMemberNotFound(principalId: string, workspaceId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'WORKSPACE_MEMBER_NOT_FOUND',
    message: 'the principal has no role in this workspace',
    metadata: { principal_id: principalId, workspace_id: workspaceId },
  });
}

export function lastAdmin(organizationId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'LAST_ADMIN',
    message: 'an organization keeps at least one Admin: make somebody else Admin first',
    metadata: { organization_id: organizationId },
  });
}

export function seatClosed(principalId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'SEAT_CLOSED',
    message: 'the member is suspended or being removed and cannot become an Admin',
    metadata: { principal_id: principalId },
  });
}

export function adminRequired(): AppError {
  return new AppError({
    code: 'PERMISSION_DENIED',
    reason: 'ADMIN_REQUIRED',
    message: 'only an organization Admin may change or remove an organization Admin',
  });
}

/** @param missing names of the permissions that the granter lacks there, at least one unless it holds nothing at all */
export function grantExceedsOwn(missing: readonly string[], workspaceId: string): AppError {
  const [first = ''] = missing;
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  return new AppError({
    code: 'PERMISSION_DENIED',
    reason: 'GRANT_EXCEEDS_OWN',
    message: first
      ? `nobody grants or takes away what they do not hold there themselves: ${first}${more}`
      : 'the one who grants holds nothing here',
    metadata: {
      ...(first && { permission: first, missing: String(missing.length) }),
      ...(workspaceId && { workspace_id: workspaceId }),
    },
  });
}

export function workspaceAdminRequired(workspaceId: string): AppError {
  return new AppError({
    code: 'PERMISSION_DENIED',
    reason: 'WORKSPACE_ADMIN_REQUIRED',
    message: 'a service key takes a Workspace Admin in each of its workspaces',
    metadata: { workspace_id: workspaceId },
  });
}

function invalid(message: string, violations: readonly FieldViolation[]): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', message, violations });
}
