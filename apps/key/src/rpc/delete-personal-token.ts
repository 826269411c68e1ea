import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound } from '../errors';
import { keyDelta } from '../key-delta';

export const deletePersonalToken =
  ({ mutations, keys, owners }: Deps) =>
  async (
    request: keyV1.DeletePersonalTokenRequest,
    ctx: PrincipalContext,
  ): Promise<keyV1.DeletePersonalTokenResponse> => {
    const { organizationId, tokenId } = request;
    const { principalId: memberId } = ctx.principal;
    const { answer } = await mutations.run(ctx, keyV1.DeletePersonalTokenResponse, async (tx) => {
      tx.changed('key', tokenId);
      const token = await keys.findToken(organizationId, memberId, tokenId, tx.session);
      if (!token) throw keyNotFound(tokenId);
      const revoked = await keys.revoke(tokenId, { revokedBecause: 'DELETED', revokeTime: tx.now }, tx.session);
      if (revoked) tx.renewed('key', tokenId, keyDelta(revoked, ['state']));
      await owners.count({ memberId, organizationId }, { live: -1 }, tx.session);
      return tx.audited({}, { organizationId, object: { kind: 'key', id: tokenId }, changed: ['state'] });
    });
    return answer;
  };
