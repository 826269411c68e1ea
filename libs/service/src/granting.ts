import { AppError } from './errors';
import { actorOf, type PrincipalContext } from './context';
import { type Rule } from './rules';

/**
 * The same rule, for an RPC that grants: a narrowed key is refused (NARROWED_KEY). Whoever found it could otherwise grant
 * more than it was narrowed to, to somebody else or to a key of their own, and so shed the narrowing.
 */
export function granting<Req>(rule: Rule<PrincipalContext, Req>): Rule<PrincipalContext, Req> {
  return {
    ...rule,
    admit: async (request, ctx, claim) => {
      const admission = await rule.admit(request, ctx, claim);
      if (!admission.ok || !admission.ctx.principal.narrowed) return admission;
      const error = new AppError({
        code: 'PERMISSION_DENIED',
        reason: 'NARROWED_KEY',
        message: 'a narrowed key grants nothing; use one that is not narrowed, or sign in',
      });
      return { ok: false, error, actor: actorOf(admission.ctx.principal) };
    },
  };
}
