import { randomBytes } from 'node:crypto';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from '../deps';
import { type KeyRecord, serviceKey } from '../key';
import { hashSecret, hintOf, newSecret, RANDOM_BYTES } from '@latchkey/facts';
import { BINDING, bindServiceAccount } from '../service-account';

export const createServiceKey =
  (deps: Deps) =>
  async (request: keyV1.CreateServiceKeyRequest, ctx: PrincipalContext): Promise<keyV1.CreateServiceKeyResponse> => {
    const { organizationId, workspaceIds } = request;
    const roleId = request.roleId || BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN;

    const id = typeid('key').toString();
    const secret = newSecret(deps.brand, 'SERVICE', randomBytes(RANDOM_BYTES));
    const principalId = typeid('svc').toString();
    const { answer, replayed } = await deps.mutations.run(ctx, keyV1.CreateServiceKeyResponse, async (tx) => {
      const record: KeyRecord = {
        _id: id,
        kind: 'SERVICE',
        origin: 'NATIVE',
        organizationId,
        principalId,
        userId: '',
        hash: hashSecret(secret),
        hint: hintOf(secret),
        name: request.name,
        state: 'PENDING',
        workspaceIds,
        roleId,
        createdBy: ctx.principal.principalId,
        createTime: tx.now,
        ...(request.expireTime && { expireTime: request.expireTime }),
      };
      await deps.keys.insert([record], tx.session);
      tx.enqueue({ kind: BINDING, key: id, payload: {}, delayMs: deps.followUpDelayMs });
      // What is returned here is stored for repeats, so the secret must not be in it.
      return tx.audited(
        { key: serviceKey(record, tx.now), secret: '', secretAlreadyShown: true },
        { organizationId, object: { kind: 'key', id } },
      );
    });
    // A repeat resumes: the first attempt may have died on the way.
    await bindServiceAccount(deps, answer.key?.id ?? id, ctx);
    return replayed ? answer : { ...answer, secret, secretAlreadyShown: false };
  };
