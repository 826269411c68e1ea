import { AppError, organizationNotFound } from '@latchkey/service';

// The only place that words this service's own refusals. Those of callers and actors are worded by the library.

export function keyNotFound(keyId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'KEY_NOT_FOUND',
    message: 'no such key in this organization',
    metadata: { key_id: keyId },
  });
}

export function tooManyTokens(limit: number): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'TOO_MANY_TOKENS',
    message: `a member may have at most ${limit} live tokens; delete some first`,
    metadata: { limit: String(limit) },
  });
}

/** @param indices places in `permissions` of those that the catalogue lacks */
export function unknownPermissions(indices: readonly number[]): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'UNKNOWN_PERMISSION',
    message: 'the permission catalogue does not have every permission that the token is narrowed to',
    violations: indices.map((i) => ({
      field: `permissions[${i}]`,
      rule: 'catalogue',
      description: 'must be a permission of the catalogue',
    })),
  });
}

/** One who was removed in the middle of the call gets what any non-member gets. */
export function ownerRemoved(organizationId: string): AppError {
  return organizationNotFound(organizationId);
}

export function memberNotRemoved(memberId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'MEMBER_NOT_REMOVED',
    message: 'the member is still there, and its tokens stay',
    metadata: { member_id: memberId },
  });
}

/** @param index place in `keys` of the hash that is in use elsewhere; where, is nobody's business */
export function legacyKeyTaken(index: number): AppError {
  const field = `keys[${index}].sha256`;
  return new AppError({
    code: 'ALREADY_EXISTS',
    reason: 'LEGACY_KEY_TAKEN',
    message: `${field} cannot be imported here`,
    metadata: { field },
  });
}

export function keyGone(keyId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'KEY_GONE',
    message: 'the key was deleted before it was ready',
    metadata: { key_id: keyId },
  });
}
