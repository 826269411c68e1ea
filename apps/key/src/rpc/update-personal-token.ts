import { keyV1 } from '@latchkey/proto';
import { bearerRefused, type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound, staleEtag } from '../errors';
import { etagOf, personalToken } from '../key';
import { keyDelta } from '../key-delta';
import { assertInCatalogue, sameNarrowing } from '../narrowing';

export const updatePersonalToken =
  (deps: Deps) =>
  async (
    request: keyV1.UpdatePersonalTokenRequest,
    ctx: PrincipalContext,
  ): Promise<keyV1.UpdatePersonalTokenResponse> => {
    const { mutations, keys } = deps;
    const { organizationId, tokenId, name, narrowing, etag } = request;
    // Also one that would narrow further: whether it does is a question of what its member may, which changes.
    if (narrowing && ctx.principal.viaKey) throw bearerRefused();
    if (narrowing) await assertInCatalogue(deps, 'narrowing.permissions', narrowing.permissions, ctx);

    const { answer } = await mutations.run(ctx, keyV1.UpdatePersonalTokenResponse, async (tx) => {
      tx.changed('key', tokenId);
      const token = await keys.findToken(organizationId, ctx.principal.principalId, tokenId, tx.session);
      if (!token) throw keyNotFound(tokenId);
      if (etag !== '' && etag !== etagOf(token)) throw staleEtag();

      const before = token.permissions ?? [];
      const permissions = narrowing?.permissions ?? before;
      const renamed = name !== '' && name !== token.name;
      const narrowed = !sameNarrowing(permissions, before);
      if (!renamed && !narrowed) return tx.unchanged({ token: personalToken(token, tx.now) });
      const changes = {
        ...(renamed && { name }),
        // An empty list would narrow to nothing; the absent one is what lifts the narrowing.
        ...(narrowed && { permissions: permissions.length > 0 ? permissions : undefined }),
      };
      const updated = await keys.change(tokenId, changes, tx.session);
      tx.renewed('key', tokenId, keyDelta(updated, narrowed ? ['narrowedTo'] : []));
      return tx.audited(
        { token: personalToken(updated, tx.now) },
        { organizationId, object: { kind: 'key', id: tokenId }, changed: Object.keys(changes) },
      );
    });
    return answer;
  };
