import { randomBytes } from 'node:crypto';
import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyExpired, keyNotFound } from '../errors';
import { hashesOf, isExpired, personalToken } from '../key';
import { rotation } from '../rotation';
import { newSecret, RANDOM_BYTES } from '@latchkey/facts';

export const rotatePersonalToken =
  ({ mutations, keys, brand }: Deps) =>
  async (
    request: keyV1.RotatePersonalTokenRequest,
    ctx: PrincipalContext,
  ): Promise<keyV1.RotatePersonalTokenResponse> => {
    const { organizationId, tokenId, overlap } = request;
    const secret = newSecret(brand, 'PERSONAL', randomBytes(RANDOM_BYTES));
    const { answer, replayed } = await mutations.run(ctx, keyV1.RotatePersonalTokenResponse, async (tx) => {
      tx.changed('key', tokenId);
      const token = await keys.findToken(organizationId, ctx.principal.principalId, tokenId, tx.session);
      if (!token) throw keyNotFound(tokenId);
      if (isExpired(token, tx.now)) throw keyExpired(tokenId);
      const next = rotation(token, secret, overlap, tx.now);
      // The secret that is forgotten here has a hash too, and so has the new one, which somebody may have tried already.
      tx.changed('key', tokenId, [...hashesOf(token), ...hashesOf(next)]);
      const rotated = await keys.change(tokenId, next, tx.session);
      // What is returned here is stored for repeats, so the secret must not be in it.
      return tx.audited(
        { token: personalToken(rotated, tx.now), secret: '', secretAlreadyShown: true },
        { organizationId, object: { kind: 'key', id: tokenId }, changed: ['secret'] },
      );
    });
    return replayed ? answer : { ...answer, secret, secretAlreadyShown: false };
  };
