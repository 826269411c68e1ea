import { type Verdict } from '@latchkey/facts';
import { type keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';

/** Who acts, as callers are told: nothing of what this service knows beyond it. */
export function principal({ principal: known }: Verdict): keyV1.Principal | undefined {
  if (known === undefined) return undefined;
  const { organizationId, principalId, userId, keyId, narrowed } = known;
  return { organizationId, principalId, userId, keyId, narrowed };
}

export function legacyNotice({ legacySunset }: Verdict): keyV1.LegacyNotice | undefined {
  return legacySunset === undefined ? undefined : { sunsetTime: new Date(legacySunset) };
}

/**
 * The answer that a verdict makes, at once where the verdict is. Noted in the log of whoever traces decisions, which never
 * holds what was presented.
 */
export function answered<A>(
  found: Verdict | Promise<Verdict>,
  ctx: CallContext,
  answer: (verdict: Verdict) => A,
): A | Promise<A> {
  const noted = (verdict: Verdict): A => {
    note(verdict, ctx);
    return answer(verdict);
  };
  return found instanceof Promise ? found.then(noted) : noted(found);
}

function note(verdict: Verdict, { log }: CallContext): void {
  if (!log.isLevelEnabled('trace')) return;
  const { decisionId, allowed, reason } = verdict;
  const { principalId, keyId } = verdict.principal ?? {};
  log.trace({ decisionId, allowed, reason, principalId, keyId }, 'decided');
}
