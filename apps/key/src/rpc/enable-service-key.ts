import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyExpired, keyNotFound } from '../errors';
import { isExpired, serviceKey } from '../key';
import { keyDelta } from '../key-delta';
import { mayHandOut } from '../service-account';

export const enableServiceKey =
  (deps: Deps) =>
  async (request: keyV1.EnableServiceKeyRequest, ctx: PrincipalContext): Promise<keyV1.EnableServiceKeyResponse> => {
    const { mutations, keys } = deps;
    const { organizationId, keyId } = request;
    const granted = await mayHandOut(deps, request, ctx);
    const { answer } = await mutations.run(ctx, keyV1.EnableServiceKeyResponse, async (tx) => {
      tx.changed('key', keyId);
      const key = await keys.findServiceKey(organizationId, keyId, tx.session);
      if (!key || !granted) throw keyNotFound(keyId);
      if (isExpired(key, tx.now)) throw keyExpired(keyId);
      if (!key.disableTime) return tx.unchanged({ key: serviceKey(key, tx.now) });
      const changed = await keys.change(keyId, { disableTime: undefined }, tx.session);
      tx.renewed('key', keyId, keyDelta(changed, ['state']));
      return tx.audited(
        { key: serviceKey(changed, tx.now) },
        { organizationId, object: { kind: 'key', id: keyId }, changed: ['state'] },
      );
    });
    return answer;
  };
