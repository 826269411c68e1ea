import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyExpired, keyNotFound } from '../errors';
import { isExpired, personalToken } from '../key';
import { keyDelta } from '../key-delta';

export const enablePersonalToken =
  ({ mutations, keys }: Deps) =>
  async (
    request: keyV1.EnablePersonalTokenRequest,
    ctx: PrincipalContext,
  ): Promise<keyV1.EnablePersonalTokenResponse> => {
    const { organizationId, tokenId } = request;
    const { answer } = await mutations.run(ctx, keyV1.EnablePersonalTokenResponse, async (tx) => {
      tx.changed('key', tokenId);
      const token = await keys.findToken(organizationId, ctx.principal.principalId, tokenId, tx.session);
      if (!token) throw keyNotFound(tokenId);
      if (isExpired(token, tx.now)) throw keyExpired(tokenId);
      if (!token.disableTime) return tx.unchanged({ token: personalToken(token, tx.now) });
      const changed = await keys.change(tokenId, { disableTime: undefined }, tx.session);
      tx.renewed('key', tokenId, keyDelta(changed, ['state']));
      return tx.audited(
        { token: personalToken(changed, tx.now) },
        { organizationId, object: { kind: 'key', id: tokenId }, changed: ['state'] },
      );
    });
    return answer;
  };
