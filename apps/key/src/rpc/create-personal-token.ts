import { randomBytes } from 'node:crypto';
import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from '../deps';
import { ownerRemoved, personalTokensDisabled, tooManyTokens } from '../errors';
import { type KeyRecord, personalToken } from '../key';
import { assertInCatalogue } from '../narrowing';
import { hashSecret, hintOf, newSecret, RANDOM_BYTES } from '@latchkey/facts';
import { withoutRequestId } from '../service-account';

const MAX_LIVE_TOKENS = 10_000;

export const createPersonalToken =
  (deps: Deps) =>
  async (
    request: keyV1.CreatePersonalTokenRequest,
    ctx: PrincipalContext,
  ): Promise<keyV1.CreatePersonalTokenResponse> => {
    const { mutations, keys, owners } = deps;
    const { organizationId, permissions } = request;
    const { principalId: memberId, userId } = ctx.principal;
    await assertInCatalogue(deps, 'permissions', permissions, ctx);
    const organization = await deps.source.getOrganization(organizationId, ctx);

    const id = typeid('pat').toString();
    const secret = newSecret(deps.brand, 'PERSONAL', randomBytes(RANDOM_BYTES));
    const { answer, replayed } = await mutations.run(ctx, keyV1.CreatePersonalTokenResponse, async (tx) => {
      // Here, not before: a repeat gets its first answer, whatever was chosen since.
      if (organization?.personalTokensDisabled) throw personalTokensDisabled(organizationId);
      const owner = await owners.count({ memberId, organizationId }, { live: 1 }, tx.session);
      if (owner.closed) throw ownerRemoved(organizationId);
      if (owner.live > MAX_LIVE_TOKENS) throw tooManyTokens(MAX_LIVE_TOKENS);
      const record: KeyRecord = {
        _id: id,
        kind: 'PERSONAL',
        origin: 'NATIVE',
        organizationId,
        principalId: memberId,
        userId,
        hash: hashSecret(secret),
        hint: hintOf(secret),
        name: request.name,
        state: 'ACTIVE',
        ...(permissions.length > 0 && { permissions }),
        workspaceIds: [],
        roleId: '',
        createdBy: memberId,
        createTime: tx.now,
        ...(request.expireTime && { expireTime: request.expireTime }),
      };
      await keys.insert([record], tx.session);
      // What is returned here is stored for repeats, so the secret must not be in it.
      return tx.audited(
        { token: personalToken(record, tx.now), secret: '', secretAlreadyShown: true },
        { organizationId, object: { kind: 'key', id } },
      );
    });
    if (replayed) return answer;

    // Whoever removes a member writes the tombstone first and sweeps the tokens after. Read now, after the token was
    // committed, the member is either still there, and a later sweep finds the token; or it is not, and the token goes here.
    // One who was suspended meanwhile keeps it: no token of theirs works, and the suspension may end.
    const owner = await deps.source.getMember(memberId, ctx);
    if (owner?.state !== 'ACTIVE' && owner?.state !== 'SUSPENDED') {
      await revokeAgain(deps, { id, memberId, organizationId }, ctx);
      throw ownerRemoved(organizationId);
    }
    return { ...answer, secret, secretAlreadyShown: false };
  };

async function revokeAgain(
  { mutations, keys, owners }: Deps,
  token: { id: string; memberId: string; organizationId: string },
  ctx: PrincipalContext,
): Promise<void> {
  const { id, organizationId } = token;
  await mutations.run(withoutRequestId(ctx), keyV1.DeletePersonalTokenResponse, async (tx) => {
    tx.changed('key', id);
    const why = { revokedBecause: 'PRINCIPAL_REMOVED', revokeTime: tx.now } as const;
    const revoked = (await keys.revoke(id, why, tx.session)) ? 1 : 0;
    await owners.count(token, { live: -revoked, revoked }, tx.session);
    return tx.audited({}, { organizationId, object: { kind: 'key', id }, changed: ['state'] });
  });
}
