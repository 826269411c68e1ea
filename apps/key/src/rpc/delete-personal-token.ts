import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound } from '../errors';

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
      await keys.revoke(tokenId, { revokedBecause: 'DELETED', revokeTime: tx.now }, tx.session);
      await owners.count({ memberId, organizationId }, { live: -1 }, tx.session);
      tx.audit({ organizationId, object: { kind: 'key', id: tokenId }, changed: ['state'] });
      return {};
    });
    return answer;
  };
