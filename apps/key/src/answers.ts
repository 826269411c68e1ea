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

/** The verdict, noted in the log of whoever traces decisions. Never holds what was presented. */
export async function decided(found: Verdict | Promise<Verdict>, { log }: CallContext): Promise<Verdict> {
  const verdict = await found;
  if (log.isLevelEnabled('trace')) {
    const { decisionId, allowed, reason } = verdict;
    const { principalId, keyId } = verdict.principal ?? {};
    log.trace({ decisionId, allowed, reason, principalId, keyId }, 'decided');
  }
  return verdict;
}
