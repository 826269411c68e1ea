import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from './deps';
import { grantExceedsOwn } from './errors';
import { keyFact } from './key';

/**
 * A narrowed token must not make a service key that may more than the token: whoever found the token could otherwise shed
 * the narrowing. What its member holds is role's to check; role knows nothing of narrowings.
 * @throws AppError PERMISSION_DENIED (GRANT_EXCEEDS_OWN)
 */
export async function assertNarrowingAllows(
  deps: Pick<Deps, 'keys' | 'source'>,
  roleId: string,
  ctx: PrincipalContext,
): Promise<void> {
  if (!ctx.principal.viaKey) return;
  const record = await deps.keys.findById(ctx.principal.keyId);
  if (record !== undefined && record.permissions === undefined) return;
  const [catalogue, role] = await Promise.all([deps.source.getCatalogue(ctx), deps.source.getRole(roleId, ctx)]);
  const narrowing = record && keyFact(record, catalogue).permissions;
  // Without such a role there is nothing to exceed; role answers ROLE_NOT_FOUND.
  if (role && !(narrowing && role.permissions.isSubsetOf(narrowing))) throw grantExceedsOwn(roleId);
}
