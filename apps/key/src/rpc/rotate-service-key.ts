import { randomBytes } from 'node:crypto';
import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyExpired, keyNotFound, legacyKey } from '../errors';
import { hashesOf, isExpired, serviceKey } from '../key';
import { rotation } from '../rotation';
import { newSecret, RANDOM_BYTES } from '@latchkey/facts';
import { mayHandOut } from '../service-account';

export const rotateServiceKey =
  (deps: Deps) =>
  async (request: keyV1.RotateServiceKeyRequest, ctx: PrincipalContext): Promise<keyV1.RotateServiceKeyResponse> => {
    const { mutations, keys, brand } = deps;
    const { organizationId, keyId, overlap } = request;
    const granted = await mayHandOut(deps, request, ctx);
    const secret = newSecret(brand, 'SERVICE', randomBytes(RANDOM_BYTES));
    const { answer, replayed } = await mutations.run(ctx, keyV1.RotateServiceKeyResponse, async (tx) => {
      tx.changed('key', keyId);
      const key = await keys.findServiceKey(organizationId, keyId, tx.session);
      if (!key || !granted) throw keyNotFound(keyId);
      if (key.origin === 'LEGACY') throw legacyKey(keyId);
      if (isExpired(key, tx.now)) throw keyExpired(keyId);
      const next = rotation(key, secret, overlap, tx.now);
      // The secret that is forgotten here has a hash too, and so has the new one, which somebody may have tried already.
      tx.changed('key', keyId, [...hashesOf(key), ...hashesOf(next)]);
      const rotated = await keys.change(keyId, next, tx.session);
      // What is returned here is stored for repeats, so the secret must not be in it.
      return tx.audited(
        { key: serviceKey(rotated, tx.now), secret: '', secretAlreadyShown: true },
        { organizationId, object: { kind: 'key', id: keyId }, changed: ['secret'] },
      );
    });
    return replayed ? answer : { ...answer, secret, secretAlreadyShown: false };
  };
