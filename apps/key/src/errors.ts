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

/** What the organization's administrators have chosen; nothing is wrong with the request. */
export function personalTokensDisabled(organizationId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'PERSONAL_TOKENS_DISABLED',
    message: 'the organization lets nobody create personal tokens at present',
    metadata: { organization_id: organizationId },
  });
}

export function keyExpired(keyId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'KEY_EXPIRED',
    message: 'the key has expired, for good; create another',
    metadata: { key_id: keyId },
  });
}

export function legacyKey(keyId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'LEGACY_KEY',
    message: 'a legacy key has no other secret; create a service key in its place',
    metadata: { key_id: keyId },
  });
}

export function staleEtag(): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'STALE_ETAG',
    message: 'it has changed since it was read: read it again and repeat the change',
  });
}

export function updateInProgress(keyId: string): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'UPDATE_IN_PROGRESS',
    message: 'another change of its role is under way: repeat the change in a moment',
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

export function tooManyMisses(): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'TOO_MANY_MISSES',
    message: 'this caller has asked too much of late that is not in memory; what is goes on being answered',
    // At any rate of one per second and more, something has been earned by then.
    retryAfterMs: 1_000,
  });
}

/**
 * @param field path of the list
 * @param indices places in it of those that the catalogue lacks
 */
export function unknownPermissions(field: string, indices: readonly number[]): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'UNKNOWN_PERMISSION',
    message: 'the permission catalogue does not have every permission that the token is narrowed to',
    violations: indices.map((i) => ({
      field: `${field}[${i}]`,
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

export function workspaceNotDeleted(workspaceId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'WORKSPACE_NOT_DELETED',
    message: 'the workspace is still there, and keys act in it',
    metadata: { workspace_id: workspaceId },
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

/** @param kinds of entities that the holder could not be told to forget */
export function holderTooOld(kinds: readonly string[]): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'HOLDER_TOO_OLD',
    message: 'the holder does not know every kind of entity that decisions depend on here: use a newer client',
    metadata: { kinds: kinds.join(',') },
  });
}

export function holderMessageOutOfPlace(): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'OUT_OF_PLACE',
    message: 'the first message of a holder is hello, and no other one is',
  });
}
