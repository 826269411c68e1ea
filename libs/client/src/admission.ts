import { LatchkeyError } from '@latchkey/service';
import { type Decision, type Question } from './answer';
import { type LatchkeyClient } from './client';

// What the interceptor and the middlewares have in common: a presented key, a permission, a place, and what to say when not.

/** What a call takes. `From` is what it is known by: a request. */
export interface PermissionRule<From> {
  /** `projects:read`. */
  readonly permission: string;
  /** For a workspace permission: where. */
  readonly workspaceId?: (from: From) => string;
  /** For an organization permission: where. */
  readonly organizationId?: (from: From) => string;
}

const decisions = new WeakMap<object, Decision>();

/** Who is behind a request that was let in, and by which decision: of an HTTP request, or of the `metadata` of a gRPC call. */
export function decisionOf(request: object): Decision | undefined {
  return decisions.get(request);
}

/**
 * Lets in who holds the permission; {@link decisionOf} then answers for `remembered`.
 * @throws LatchkeyError UNAUTHENTICATED (KEY_REQUIRED, and the reasons of dead keys), PERMISSION_DENIED, NOT_FOUND (a place that is not the
 * key's), INVALID_ARGUMENT (no place, or a malformed key), RESOURCE_EXHAUSTED, UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED
 */
export async function admit<From>(
  latchkey: Pick<LatchkeyClient, 'authorize'>,
  required: PermissionRule<From>,
  { key, from, remembered, signal }: { key: string | undefined; from: From; remembered: object; signal?: AbortSignal },
): Promise<void> {
  if (!key) throw new LatchkeyError({ code: 'UNAUTHENTICATED', reason: 'KEY_REQUIRED', message: 'a key is required' });
  const question: Question = {
    key,
    permission: required.permission,
    workspaceId: required.workspaceId?.(from) ?? '',
    organizationId: required.organizationId?.(from) ?? '',
  };
  const decision = await latchkey.authorize(question, { signal });
  if (!decision.allowed) throw refusal(decision, question);
  decisions.set(remembered, decision);
}

function refusal({ reason }: Decision, { permission, workspaceId = '', organizationId = '' }: Question): LatchkeyError {
  const place = {
    ...(workspaceId && { workspace_id: workspaceId }),
    ...(organizationId && { organization_id: organizationId }),
  };
  switch (reason) {
    case 'PERMISSION_MISSING':
    case 'UNKNOWN_PERMISSION':
      return new LatchkeyError({
        code: 'PERMISSION_DENIED',
        reason,
        message: `the permission ${permission} is missing`,
        metadata: { permission, ...place },
      });
    case 'PRINCIPAL_SUSPENDED':
      return new LatchkeyError({ code: 'PERMISSION_DENIED', reason, message: 'the member is suspended' });
    case 'WORKSPACE_NOT_FOUND':
    case 'WRONG_ORGANIZATION':
      return new LatchkeyError({ code: 'NOT_FOUND', reason, message: 'no such place for this key', metadata: place });
    case 'SCOPE_REQUIRED':
      return new LatchkeyError({
        code: 'INVALID_ARGUMENT',
        reason,
        message: `the request does not say where ${permission} is asked for`,
        metadata: { permission },
      });
    default:
      return new LatchkeyError({ code: 'UNAUTHENTICATED', reason, message: 'the key is not accepted' });
  }
}
