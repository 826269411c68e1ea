import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound } from '../errors';
import { serviceKey } from '../key';
import { keyDelta } from '../key-delta';

export const disableServiceKey =
  ({ mutations, keys }: Deps) =>
  async (request: keyV1.DisableServiceKeyRequest, ctx: PrincipalContext): Promise<keyV1.DisableServiceKeyResponse> => {
    const { organizationId, keyId } = request;
    const { answer } = await mutations.run(ctx, keyV1.DisableServiceKeyResponse, async (tx) => {
      tx.changed('key', keyId);
      const key = await keys.findServiceKey(organizationId, keyId, tx.session);
      if (!key) throw keyNotFound(keyId);
      // One that has expired, too: by whose clock it has is for those to say who are asked about it.
      if (key.disableTime) return tx.unchanged({ key: serviceKey(key, tx.now) });
      const changed = await keys.change(keyId, { disableTime: tx.now }, tx.session);
      tx.renewed('key', keyId, keyDelta(changed, ['state']));
      return tx.audited(
        { key: serviceKey(changed, tx.now) },
        { organizationId, object: { kind: 'key', id: keyId }, changed: ['state'] },
      );
    });
    return answer;
  };
