import { type PrincipalContext } from './context';
import { type Rule, self } from './rules';

/**
 * The same rule, for an RPC that deletes the workspace which the rule asks in: where that is gone, any live principal of
 * the organization is let through, so that a repeat of the call that deleted it can get its first answer. The handler must
 * refuse everybody else with workspaceNotFound; it was gone for good before it began.
 */
export function orGone<const Organization extends string, Req extends { readonly [N in Organization]: string }>(
  rule: Rule<PrincipalContext, Req>,
  { organization }: { readonly organization: Organization },
): Rule<PrincipalContext, Req> {
  const member = self({ organization });
  return {
    ...rule,
    admit: async (request, ctx, claim) => {
      const admission = await rule.admit(request, ctx, claim);
      if (admission.ok || admission.error.reason !== 'WORKSPACE_NOT_FOUND') return admission;
      return await member.admit(request, ctx, claim);
    },
  };
}
