import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from '../deps';
import { legacyKeyTaken } from '../errors';
import { type KeyRecord } from '../key';
import { BINDING, bindServiceAccount } from '../service-account';

export const importLegacyKeys =
  (deps: Deps) =>
  async (request: keyV1.ImportLegacyKeysRequest, ctx: PrincipalContext): Promise<keyV1.ImportLegacyKeysResponse> => {
    const { organizationId, workspaceId } = request;
    const roleId = BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN;

    const { answer } = await deps.mutations.run(ctx, keyV1.ImportLegacyKeysResponse, async (tx) => {
      const hashes = [...new Set(request.keys.map((key) => key.sha256))];
      const known = await deps.keys.findByHashes(hashes, tx.session);
      // Also by the secret before a rotation: imported anew, it would work again.
      const byHash = new Map(
        known.flatMap((record) => [record.hash, record.previousHash].map((hash) => [hash, record])),
      );
      const created: KeyRecord[] = [];
      const keyIds = request.keys.map(({ sha256, name }, i) => {
        const known = byHash.get(sha256);
        if (known && (known.organizationId !== organizationId || known.origin !== 'LEGACY')) throw legacyKeyTaken(i);
        // Also one that was deleted since: what is dead stays dead.
        if (known) return known._id;
        const record: KeyRecord = {
          _id: typeid('key').toString(),
          kind: 'SERVICE',
          origin: 'LEGACY',
          organizationId,
          principalId: typeid('svc').toString(),
          userId: '',
          hash: sha256,
          hint: '',
          name,
          state: 'PENDING',
          workspaceIds: [workspaceId],
          roleId,
          createdBy: ctx.principal.principalId,
          createTime: tx.now,
        };
        byHash.set(sha256, record);
        created.push(record);
        return record._id;
      });
      if (created.length === 0) return tx.unchanged({ keyIds });
      await deps.keys.insert(created, tx.session);
      for (const { _id: id } of created) {
        tx.enqueue({ kind: BINDING, key: id, payload: {}, delayMs: deps.followUpDelayMs });
      }
      return tx.audited({ keyIds }, ...created.map(({ _id: id }) => ({ organizationId, object: { kind: 'key', id } })));
    });
    // One after the other: all of them write the same organization's bindings. Those that are bound already, too: a repeat resumes
    // where the first attempt died, also where that was before everybody knew.
    for (const keyId of new Set(answer.keyIds)) await bindServiceAccount(deps, keyId, ctx);
    return answer;
  };
