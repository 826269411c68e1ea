import { type keyV1 } from '@latchkey/proto';
import { type CallContext, type Guard, type GuardOutcome, type PromisedClient } from '@latchkey/service';
import { principalOf, reasonOf } from './answer';

export interface RemoteGuardOptions {
  /** key's AuthorizationService. */
  readonly authorization: Pick<
    PromisedClient<typeof keyV1.AuthorizationServiceClient>,
    'authorize' | 'authorizeUser' | 'introspectKey'
  >;
  /**
   * The live membership of a person, undefined for none: whoever identifies an asserted user without asking for a
   * permission needs no decision, so key is not asked.
   */
  readonly findMember: (
    organizationId: string,
    userId: string,
    ctx: CallContext,
  ) => Promise<{ readonly memberId: string; readonly active: boolean; readonly suspended?: boolean } | undefined>;
}

/**
 * The guard of a service that does not decide itself: it asks key, which decides about these RPCs as about anybody else's.
 * When key, or the owner of memberships, cannot be reached, the call fails with what the client threw, UNAVAILABLE with a
 * retry hint. Nothing is ever allowed without an answer.
 */
export function remoteGuard({ authorization, findMember }: RemoteGuardOptions): Guard {
  return {
    async authorize(credential, permission, { organizationId, workspaceId = '' }, ctx) {
      if (credential.kind === 'user') {
        const { userId } = credential;
        const question = { userId, permission, organizationId, workspaceId };
        return outcomeOf(await authorization.authorizeUser(question, ctx), false);
      }
      const question = { key: credential.secret, permission, organizationId, workspaceId };
      return outcomeOf(await authorization.authorize(question, ctx), true);
    },

    async identify(credential, organizationId, ctx) {
      if (credential.kind === 'user') {
        const { userId } = credential;
        const member = await findMember(organizationId, userId, ctx);
        if (!member?.active && !member?.suspended) return { reason: 'PRINCIPAL_REMOVED' };
        const { memberId } = member;
        const principal = { organizationId, principalId: memberId, userId, keyId: '' };
        const reason = member.active ? 'ALLOWED' : 'PRINCIPAL_SUSPENDED';
        return { reason, principal: { ...principal, viaKey: false, narrowed: false } };
      }
      const answer = await authorization.introspectKey({ key: credential.secret }, ctx);
      const { allowed, reason, principal } = outcomeOf({ ...answer, allowed: answer.active }, true);
      // Introspection is asked about no organization, so whether the key's is the one that is meant is compared here.
      if (allowed && principal?.organizationId !== organizationId) return { reason: 'WRONG_ORGANIZATION', principal };
      return { reason, principal };
    },
  };
}

interface Answer {
  readonly allowed: boolean;
  readonly reason: keyV1.DecisionReason;
  readonly principal: keyV1.Principal | undefined;
}

function outcomeOf({ allowed, reason, principal }: Answer, viaKey: boolean): GuardOutcome {
  const outcome = { allowed, reason: reasonOf({ allowed, reason }) };
  return { ...outcome, ...(principal && { principal: principalOf(principal, viaKey) }) };
}
