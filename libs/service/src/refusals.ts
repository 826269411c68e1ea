import { AppError, internal, invalid } from './errors';
import { type Credential, type GuardOutcome, type GuardScope } from './context';

// The one place that words the refusals of callers and actors, so that an absent organization and a foreign one cannot
// be told apart by their wording. Apps use organizationNotFound and workspaceNotFound for their own look-ups.

export function organizationNotFound(organizationId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'ORGANIZATION_NOT_FOUND',
    message: 'no such organization',
    metadata: { organization_id: organizationId },
  });
}

export function workspaceNotFound(workspaceId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'WORKSPACE_NOT_FOUND',
    message: 'no such workspace in this organization',
    metadata: { workspace_id: workspaceId },
  });
}

export function permissionMissing(permission: string, scope: GuardScope): AppError {
  return new AppError({
    code: 'PERMISSION_DENIED',
    reason: 'PERMISSION_MISSING',
    message: `the permission ${permission} is missing ${scope.workspaceId ? 'in this workspace' : 'in this organization'}`,
    metadata: {
      permission,
      ...(scope.workspaceId ? { workspace_id: scope.workspaceId } : { organization_id: scope.organizationId }),
    },
  });
}

export function callerRequired(): AppError {
  return new AppError({
    code: 'UNAUTHENTICATED',
    reason: 'CALLER_REQUIRED',
    message: "the client certificate must carry exactly one URI name, 'spiffe://latchkey/<name>'",
  });
}

export function callerNotAllowed(caller: string): AppError {
  return new AppError({
    code: 'PERMISSION_DENIED',
    reason: 'CALLER_NOT_ALLOWED',
    message: 'this service may not call this method',
    metadata: { caller },
  });
}

export function callerNotFrontEnd(caller: string): AppError {
  return new AppError({
    code: 'PERMISSION_DENIED',
    reason: 'CALLER_NOT_FRONT_END',
    message: 'only a configured front end may assert a user in latchkey-actor',
    metadata: { caller },
  });
}

export function actorRequired(): AppError {
  return new AppError({
    code: 'UNAUTHENTICATED',
    reason: 'ACTOR_REQUIRED',
    message: "an actor is required: 'authorization: Bearer <key>', or 'latchkey-actor: <user id>' from a front end",
  });
}

export function bearerRefused(): AppError {
  return new AppError({
    code: 'PERMISSION_DENIED',
    reason: 'BEARER_REFUSED',
    message: 'a key may not do this; it takes a person whom a front end has signed in',
  });
}

// Reasons that speak of the key itself or of the principal behind it.
const KEY_REASONS = /^(MALFORMED_KEY|UNKNOWN_KEY|KEY_[A-Z_]+|PRINCIPAL_[A-Z_]+|LEGACY_KEY_SUNSET)$/;

/** The guard's "no" as an answer. */
export function refusal(
  outcome: Pick<GuardOutcome, 'reason' | 'principal'>,
  credential: Credential,
  scope: GuardScope,
  permission: string | undefined,
): AppError {
  const { reason, principal } = outcome;
  if (reason === 'WRONG_ORGANIZATION') return organizationNotFound(scope.organizationId);
  if (reason === 'UNKNOWN_PERMISSION') {
    // The catalogue does not have it, so nobody can hold it; saying so tells an operator to apply the catalogue.
    return new AppError({
      code: 'PERMISSION_DENIED',
      reason,
      message: `the permission catalogue does not have ${permission ?? 'it'}`,
      metadata: { permission: permission ?? '' },
    });
  }
  if (credential.kind === 'key' && KEY_REASONS.test(reason)) {
    return new AppError({ code: 'UNAUTHENTICATED', reason, message: 'the key is not accepted' });
  }
  if (credential.kind === 'user' && (reason === 'PRINCIPAL_REMOVED' || !principal)) {
    return organizationNotFound(scope.organizationId);
  }
  if (reason === 'WORKSPACE_NOT_FOUND') return workspaceNotFound(scope.workspaceId ?? '');
  if (reason === 'PRINCIPAL_SUSPENDED') {
    return new AppError({ code: 'PERMISSION_DENIED', reason, message: 'the member is suspended' });
  }
  if (reason === 'PERMISSION_MISSING' && permission) return permissionMissing(permission, scope);
  return internal(new Error(`the guard refused with an unexpected reason: ${reason}`));
}

/** A field that a rule takes its scope from is empty; a rule without a scope must not pass as one without limits. */
export function scopeRequired(field: string): AppError {
  return invalid([{ field, rule: 'required', description: 'value is required' }]);
}
