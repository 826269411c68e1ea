import { type Verdict } from '@latchkey/facts';
import { keyV1 } from '@latchkey/proto';
import { LatchkeyError, type Principal } from '@latchkey/service';

/** May the holder of this key do this, here? */
export interface Question {
  /** The presented secret. */
  readonly key: string;
  /** `projects:read`. */
  readonly permission: string;
  /** Required for a workspace permission. */
  readonly workspaceId?: string;
  /** Required for an organization permission; checked when given. */
  readonly organizationId?: string;
}

/** The answer. A refused key is one, too. */
export interface Decision {
  readonly allowed: boolean;
  /** `ALLOWED`, or why not: a name of DecisionReason. */
  readonly reason: Verdict['reason'];
  /** Names this decision. Unique. */
  readonly decisionId: string;
  /** Who acts. Only for a known key. */
  readonly principal?: Principal;
  /** When a legacy key ends that still works. */
  readonly legacySunset?: Date;
  /** `memory`: decided in this process, without I/O or with the read of a fact; `server`: asked of a replica of key. */
  readonly source: 'memory' | 'server';
}

export function fromVerdict({ allowed, reason, decisionId, principal, legacySunset }: Verdict): Decision {
  return {
    allowed,
    reason,
    decisionId,
    principal,
    legacySunset: legacySunset === undefined ? undefined : new Date(legacySunset),
    source: 'memory',
  };
}

/** @throws LatchkeyError INTERNAL for an answer that contradicts itself */
export function fromResponse(response: keyV1.AuthorizeResponse): Decision {
  const { allowed, decisionId, principal, legacy } = response;
  return {
    allowed,
    reason: reasonOf(response),
    decisionId,
    principal: principal && principalOf(principal, true),
    legacySunset: legacy?.sunsetTime,
    source: 'server',
  };
}

/**
 * Why key has answered so, by its name in the contract without the prefix.
 * @throws LatchkeyError INTERNAL where `allowed` and the reason do not say the same: such an answer is none
 */
export function reasonOf({ allowed, reason }: Pick<keyV1.AuthorizeResponse, 'allowed' | 'reason'>): Decision['reason'] {
  if (allowed !== (reason === keyV1.DecisionReason.ALLOWED)) {
    throw new LatchkeyError({
      code: 'INTERNAL',
      reason: 'INTERNAL',
      message: `key answered allowed: ${allowed} with the reason ${reason}`,
    });
  }
  return reason.replace(/^DECISION_REASON_/, '') as Decision['reason'];
}

export function principalOf(
  { organizationId, principalId, userId, keyId, narrowed }: keyV1.Principal,
  viaKey: boolean,
): Principal {
  return { organizationId, principalId, userId, keyId, viaKey, narrowed };
}

export function toRequest({
  key,
  permission,
  workspaceId = '',
  organizationId = '',
}: Question): keyV1.AuthorizeRequest {
  return { key, permission, workspaceId, organizationId };
}
