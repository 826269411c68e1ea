import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { memberNotRemoved } from '../errors';

/** Each token has an audit entry of its own, and a transaction is to stay short: some 0.4 s on the embedded engine. */
const BATCH = 500;
/** Of one call: far less than it has time for. */
const MOST = 4 * BATCH;

export const revokeMemberTokens =
  ({ mutations, keys, owners, source }: Deps) =>
  async (request: keyV1.RevokeMemberTokensRequest, ctx: CallContext): Promise<keyV1.RevokeMemberTokensResponse> => {
    const { organizationId, memberId, deletionId } = request;
    const member = await source.getMember(memberId, ctx);
    // The worker is believed when it says whose tokens, never when it says that they may go.
    if (member?.state !== 'REMOVED' || member.organizationId !== organizationId) throw memberNotRemoved(memberId);

    const revokeUpTo = async (last: string | undefined): Promise<keyV1.RevokeMemberTokensResponse> => {
      const { answer } = await mutations.run(ctx, keyV1.RevokeMemberTokensResponse, async (tx) => {
        // No event: what every memory knows of the member already refuses all of its tokens, for ever.
        const why = { revokedBecause: 'PRINCIPAL_REMOVED', deletionId, revokeTime: tx.now } as const;
        const ids = await keys.revokeTokens({ organizationId, memberId, last }, why, tx.session);
        // Written even when nothing was left: a token that is being created at this moment then conflicts with this sweep.
        const owner = await owners.count(
          { memberId, organizationId },
          { live: -ids.length, revoked: ids.length, closed: true },
          tx.session,
        );
        return tx.audited(
          { deletedInAll: owner.revoked, more: last !== undefined },
          ...ids.map((id) => ({ organizationId, object: { kind: 'key', id }, changed: ['state'] })),
        );
      });
      return answer;
    };

    // Looked for once, and not by each batch: the embedded engine sorts all that are left to find the first of them.
    const found = await keys.listTokenIds({ organizationId, memberId, limit: MOST });
    const lastOfBatches = found.filter((_, i) => (i + 1) % BATCH === 0);
    for (const last of lastOfBatches.slice(0, -1)) await revokeUpTo(last);
    // Only a sweep without an end finds that none is left, whatever has come meanwhile.
    return await revokeUpTo(found.length < MOST ? undefined : lastOfBatches.at(-1));
  };
