import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { memberNotRemoved } from '../errors';

/** Each token has an audit entry of its own, and a transaction is to stay short. */
const BATCH = 200;

export const revokeMemberTokens =
  ({ mutations, keys, owners, source }: Deps) =>
  async (request: keyV1.RevokeMemberTokensRequest, ctx: CallContext): Promise<keyV1.RevokeMemberTokensResponse> => {
    const { organizationId, memberId, deletionId } = request;
    const member = await source.getMember(memberId, ctx);
    // The worker is believed when it says whose tokens, never when it says that they may go.
    if (member?.state !== 'REMOVED' || member.organizationId !== organizationId) throw memberNotRemoved(memberId);

    const { answer } = await mutations.run(ctx, keyV1.RevokeMemberTokensResponse, async (tx) => {
      const live = await keys.listTokens({ organizationId, memberId, limit: BATCH + 1 }, tx.session);
      // No event: what every memory knows of the member already refuses all of its tokens, for ever.
      const ids = live.slice(0, BATCH).map((token) => token._id);
      if (ids.length > 0) {
        const why = { revokedBecause: 'PRINCIPAL_REMOVED', deletionId, revokeTime: tx.now } as const;
        await keys.revoke(ids, why, tx.session);
      }
      // Written even when nothing was left: a token that is being created at this moment then conflicts with this sweep.
      const owner = await owners.count(
        { memberId, organizationId },
        { live: -ids.length, revoked: ids.length, closed: true },
        tx.session,
      );
      for (const id of ids) tx.audit({ organizationId, object: { kind: 'key', id }, changed: ['state'] });
      return { deletedInAll: owner.revoked, more: live.length > BATCH };
    });
    return answer;
  };
