import { membershipHash } from '@latchkey/coherence';
import { type PrincipalContext, type Rule } from '@latchkey/service';
import { type Deps } from './deps';

/**
 * The same rule, for RPCs by which members can end their own membership: whoever repeats such a call is a stranger to the organization
 * by then, and may rely on being told so, though the first call may be waiting for replicas yet.
 */
export function knownToHaveLeft<Req extends { readonly organizationId: string }>(
  rule: Rule<PrincipalContext, Req>,
  { members, mutations }: Pick<Deps, 'members' | 'mutations'>,
): Rule<PrincipalContext, Req> {
  return {
    ...rule,
    admit: async (request, ctx, claim) => {
      const admission = await rule.admit(request, ctx, claim);
      const { credential } = claim;
      if (admission.ok || admission.error.reason !== 'ORGANIZATION_NOT_FOUND' || credential?.kind !== 'user') {
        return admission;
      }
      const { organizationId } = request;
      const { userId } = credential;
      const hashes = [membershipHash(organizationId, userId)];
      const ever = await members.listEver({ userId, organizationId });
      await mutations.confirm(
        ever.map(({ _id: id }) => ({ kind: 'member', id, hashes })),
        ctx,
      );
      return admission;
    },
  };
}
