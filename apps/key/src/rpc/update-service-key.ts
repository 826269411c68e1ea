import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound, staleEtag, updateInProgress } from '../errors';
import { etagOf, serviceKey, versionOf } from '../key';
import { keyDelta } from '../key-delta';
import { finishRoleChange, ROLE_CHANGE } from '../role-change';

export const updateServiceKey =
  (deps: Deps) =>
  async (request: keyV1.UpdateServiceKeyRequest, ctx: PrincipalContext): Promise<keyV1.UpdateServiceKeyResponse> => {
    const { mutations, keys } = deps;
    const { organizationId, keyId, etag } = request;
    const { answer } = await mutations.run(ctx, keyV1.UpdateServiceKeyResponse, async (tx) => {
      tx.changed('key', keyId);
      const key = await keys.findServiceKey(organizationId, keyId, tx.session);
      if (!key) throw keyNotFound(keyId);
      if (etag !== '' && etag !== etagOf(key)) throw staleEtag();
      if (key.roleChange && !key.roleChange.refusal) throw updateInProgress(keyId);

      const name = request.name || key.name;
      const roleId = request.roleId || key.roleId;
      const changed = [...(name !== key.name ? ['name'] : []), ...(roleId !== key.roleId ? ['role_id'] : [])];
      if (changed.length === 0) return tx.unchanged({ key: serviceKey(key, tx.now) });
      const change = { organizationId, object: { kind: 'key', id: keyId }, changed };
      if (roleId === key.roleId) {
        const renamed = await keys.change(keyId, { name }, tx.session);
        tx.renewed('key', keyId, keyDelta(renamed, []));
        return tx.audited({ key: serviceKey(renamed, tx.now) }, change);
      }
      const version = versionOf(key) + 1;
      const roleChange = { version, roleId, name, grantedBy: ctx.principal.principalId };
      const intended = await keys.change(keyId, { roleChange }, tx.session);
      tx.renewed('key', keyId, keyDelta(intended, []));
      tx.enqueue({ kind: ROLE_CHANGE, key: keyId, payload: {}, delayMs: deps.followUpDelayMs });
      return tx.audited({ key: serviceKey(intended, tx.now) }, change);
    });
    // A repeat resumes: the first attempt may have died on the way. The etag is that of the intent, if there was one.
    await finishRoleChange(deps, { keyId, etag: answer.key?.etag }, ctx);
    const key = await keys.findServiceKey(organizationId, keyId);
    if (!key) throw keyNotFound(keyId);
    return { key: serviceKey(key, new Date(deps.now())) };
  };
