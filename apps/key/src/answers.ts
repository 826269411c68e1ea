import { type keyV1 } from '@latchkey/proto';
import { type Verdict } from './verdict';

/** Who acts, as callers are told: nothing of what this service knows beyond it. */
export function principal({ principal: known }: Verdict): keyV1.Principal | undefined {
  if (known === undefined) return undefined;
  const { organizationId, principalId, userId, keyId, narrowed } = known;
  return { organizationId, principalId, userId, keyId, narrowed };
}

export function legacyNotice({ legacySunset }: Verdict): keyV1.LegacyNotice | undefined {
  return legacySunset && { sunsetTime: legacySunset };
}
