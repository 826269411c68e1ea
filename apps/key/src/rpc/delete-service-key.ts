import { keyV1 } from '@latchkey/proto';
import { type CallContext, type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound } from '../errors';
import { keyDelta } from '../key-delta';
import { REMOVAL, tryRemoveServiceAccount } from '../service-account';

export const deleteServiceKey =
  (deps: Deps) =>
  async (request: keyV1.DeleteServiceKeyRequest, ctx: PrincipalContext): Promise<keyV1.DeleteServiceKeyResponse> => {
    const { organizationId, keyId } = request;
    const { answer } = await deps.mutations.run(ctx, keyV1.DeleteServiceKeyResponse, async (tx) => {
      tx.changed('key', keyId);
      const key = await deps.keys.findServiceKey(organizationId, keyId, tx.session);
      if (!key) throw keyNotFound(keyId);
      const revoked = await deps.keys.revoke(keyId, { revokedBecause: 'DELETED', revokeTime: tx.now }, tx.session);
      if (revoked) tx.renewed('key', keyId, keyDelta(revoked, ['state']));
      tx.enqueue({ kind: REMOVAL, key: keyId, payload: {}, delayMs: deps.followUpDelayMs });
      return tx.audited({}, { organizationId, object: { kind: 'key', id: keyId }, changed: ['state'] });
    });
    // A repeat too: the first attempt may have died on the way.
    await tryRemoveServiceAccount(deps, keyId, ctx);
    return answer;
  };

/**
 * The workspaces that a service key acts in, for the rule that asks in each of them. Also of a deleted key: a repeat of the
 * call that deleted it is to get its answer. Not of one that has died with its last workspace: nobody deleted that, and whoever is told
 * so may rely on it, though the call that has made it so may be waiting for replicas yet.
 * @throws AppError NOT_FOUND (KEY_NOT_FOUND)
 */
export const workspacesOfKey =
  ({ keys, mutations }: Pick<Deps, 'keys' | 'mutations'>) =>
  async (
    { organizationId, keyId }: Pick<keyV1.DeleteServiceKeyRequest, 'organizationId' | 'keyId'>,
    ctx: CallContext,
  ): Promise<readonly string[]> => {
    const key = await keys.findById(keyId);
    if (key?.kind !== 'SERVICE' || key.organizationId !== organizationId) throw keyNotFound(keyId);
    if (key.revokedBecause === 'WORKSPACES_DELETED') {
      await mutations.confirm([{ kind: 'key', id: keyId, hashes: [] }], ctx);
      throw keyNotFound(keyId);
    }
    return key.workspaceIds;
  };
