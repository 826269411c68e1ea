import { type CallContext } from '@latchkey/service';
import { type Deps } from './deps';
import { unknownPermissions } from './errors';

/**
 * Whether a token can be narrowed to these permissions.
 * @param field path of the list in the request
 * @throws AppError INVALID_ARGUMENT (UNKNOWN_PERMISSION), naming each that the catalogue lacks
 */
export async function assertInCatalogue(
  { source }: Pick<Deps, 'source'>,
  field: string,
  permissions: readonly string[],
  ctx: CallContext,
): Promise<void> {
  if (permissions.length === 0) return;
  const catalogue = await source.getCatalogue(ctx);
  const unknown = permissions.flatMap((name, i) => (catalogue.permissions.has(name) ? [] : [i]));
  if (unknown.length > 0) throw unknownPermissions(field, unknown);
}

/** Whether two narrowings are the same; the order of their permissions means nothing. */
export function sameNarrowing(one: readonly string[], other: readonly string[]): boolean {
  const names = new Set(one);
  return names.size === new Set(other).size && other.every((name) => names.has(name));
}
