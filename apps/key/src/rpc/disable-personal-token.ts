import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound } from '../errors';
import { personalToken } from '../key';
import { keyDelta } from '../key-delta';

export const disablePersonalToken =
  ({ mutations, keys }: Deps) =>
  async (
    request: keyV1.DisablePersonalTokenRequest,
    ctx: PrincipalContext,
  ): Promise<keyV1.DisablePersonalTokenResponse> => {
    const { organizationId, tokenId } = request;
    const { answer } = await mutations.run(ctx, keyV1.DisablePersonalTokenResponse, async (tx) => {
      tx.changed('key', tokenId);
      const token = await keys.findToken(organizationId, ctx.principal.principalId, tokenId, tx.session);
      if (!token) throw keyNotFound(tokenId);
      // One that has expired, too: by whose clock it has is for those to say who are asked about it.
      if (token.disableTime) return tx.unchanged({ token: personalToken(token, tx.now) });
      const changed = await keys.change(tokenId, { disableTime: tx.now }, tx.session);
      tx.renewed('key', tokenId, keyDelta(changed, ['state']));
      return tx.audited(
        { token: personalToken(changed, tx.now) },
        { organizationId, object: { kind: 'key', id: tokenId }, changed: ['state'] },
      );
    });
    return answer;
  };
