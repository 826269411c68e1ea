import { type eventsV1, type identityV1, type keyV1, type roleV1 } from '@latchkey/proto';
import { type PromisedClient, within } from '@latchkey/service';

/** The APIs that the clean-up acts through. */
export interface Owners {
  readonly tokens: Pick<PromisedClient<typeof keyV1.PersonalTokenServiceClient>, 'revokeMemberTokens'>;
  readonly bindings: Pick<PromisedClient<typeof roleV1.BindingServiceClient>, 'removePrincipal'>;
  readonly deletions: Pick<PromisedClient<typeof identityV1.DeletionServiceClient>, 'completeDeletion'>;
}

export interface Removed {
  readonly tokensDeleted: number;
  readonly rolesRemoved: number;
}

/** For one call, ms. */
const CALL_MS = 10_000;
/** Far more than a member can have tokens for. A job that needs more goes on when it is tried again. */
const MAX_BATCHES = 500;

/**
 * Takes away what hangs on a removed membership, and reports it done. Every step is idempotent and its counts are totals, so
 * it may be repeated, resumed after a crash, and run twice at once.
 */
export async function cleanUp(
  event: eventsV1.UserDeletionRequested,
  { tokens, bindings, deletions }: Owners,
  signal?: AbortSignal,
): Promise<Removed> {
  const { deletionId, organizationId, memberId } = event;
  const outgoing = () => within(CALL_MS, { signal });

  let tokensDeleted = 0;
  let more = true;
  for (let batch = 0; more; batch += 1) {
    if (batch === MAX_BATCHES) throw new Error(`there were still tokens after ${MAX_BATCHES} batches`);
    const answer = await tokens.revokeMemberTokens({ organizationId, memberId, deletionId }, outgoing());
    tokensDeleted = answer.deletedInAll;
    more = answer.more;
  }
  const { rolesRemoved } = await bindings.removePrincipal({ organizationId, principalId: memberId }, outgoing());
  await deletions.completeDeletion({ organizationId, deletionId, tokensDeleted, rolesRemoved }, outgoing());
  return { tokensDeleted, rolesRemoved };
}
