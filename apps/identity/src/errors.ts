import { AppError } from '@latchkey/service';

// The only place that words this service's own refusals. Absent, removed and foreign objects share one wording each.

export function userNotFound(userId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'USER_NOT_FOUND',
    message: 'no such account',
    metadata: { user_id: userId },
  });
}

/** The address is what the caller asked with; it is not repeated. */
export function emailNotFound(): AppError {
  return new AppError({ code: 'NOT_FOUND', reason: 'USER_NOT_FOUND', message: 'no live account has this address' });
}

export function emailTaken(): AppError {
  return new AppError({ code: 'ALREADY_EXISTS', reason: 'EMAIL_TAKEN', message: 'a live account has this address' });
}

export function memberNotFound(memberId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'MEMBER_NOT_FOUND',
    message: 'no such member in this organization',
    metadata: { member_id: memberId },
  });
}

export function memberExists(userId: string): AppError {
  return new AppError({
    code: 'ALREADY_EXISTS',
    reason: 'MEMBER_EXISTS',
    message: 'the user is a member of this organization already',
    metadata: { user_id: userId },
  });
}

export function staleEtag(): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'STALE_ETAG',
    message: 'it has changed since it was read: read it again and repeat the change',
  });
}

export function workspaceNameTaken(name: string): AppError {
  return new AppError({
    code: 'ALREADY_EXISTS',
    reason: 'WORKSPACE_NAME_TAKEN',
    message: 'the organization has a workspace of this name',
    metadata: { name },
  });
}

export function deletionNotFound(deletionId: string): AppError {
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'DELETION_NOT_FOUND',
    message: 'no such deletion in this organization',
    metadata: { deletion_id: deletionId },
  });
}

/** role's refusal, with the organization that it is about: one call may be about several. */
export function lastAdmin(organizationId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'LAST_ADMIN',
    message: 'the organization would be left without an active Admin',
    metadata: { organization_id: organizationId },
  });
}

/** @param index place in `workspace_roles` of the second role for one workspace */
export function workspaceTwice(index: number): AppError {
  const field = `workspace_roles[${index}].workspace_id`;
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_REQUEST',
    message: `the request is malformed: ${field}`,
    violations: [{ field, rule: 'unique', description: 'at most one role per workspace' }],
  });
}

/** One whose roles are not bound yet can neither be suspended nor reinstated. */
export function memberJoining(memberId: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'MEMBER_JOINING',
    message: 'the member is still joining; wait until it is active, or remove it',
    metadata: { member_id: memberId },
  });
}

/** What the change was made from is no longer so: the seat was opened again meanwhile. */
export function memberOvertaken(): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'MEMBER_OVERTAKEN',
    message: 'the member was changed by others meanwhile; repeat the call with the same request_id',
    retryAfterMs: 500,
  });
}

/** What the removal was made from is no longer so: the seat was opened again, or a membership came into being. */
export function removalOvertaken(): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'REMOVAL_OVERTAKEN',
    message: 'the memberships changed while they were being removed; repeat the call with the same request_id',
    retryAfterMs: 500,
  });
}

/** The seat is being opened again just now, after a change that died or at the end of a suspension. */
export function seatBusy(memberId: string): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'SEAT_BUSY',
    message: 'an earlier change of this member is still being finished; repeat the call',
    metadata: { member_id: memberId },
    retryAfterMs: 500,
  });
}

/** For the log and the relay's back-off only; no call waits for the queue. */
export function queueUnavailable(cause?: unknown): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'QUEUE_UNAVAILABLE',
    message: 'the queue cannot be reached at the moment',
    cause,
  });
}
