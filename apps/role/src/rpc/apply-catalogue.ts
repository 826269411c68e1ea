import { CATALOGUE_ID } from '@latchkey/coherence';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { applyCatalogue as applied, BUILT_INS, type WantedPermission } from '../catalogue';
import { type Deps } from '../deps';
import { fromProtoScope } from '../role';

export const applyCatalogue =
  (deps: Pick<Deps, 'mutations' | 'catalogues'>) =>
  (request: roleV1.ApplyCatalogueRequest, ctx: CallContext): Promise<roleV1.ApplyCatalogueResponse> => {
    const wanted = request.permissions.map(({ name, scope, description, builtInRoles }) => ({
      name,
      scope: fromProtoScope(scope),
      description,
      builtInRoles: BUILT_INS.filter((builtIn) => builtInRoles.includes(roleV1.BuiltInRole[builtIn])),
    }));
    return apply(deps, wanted, ctx);
  };

/** The same for the file that a new deployment begins with: `onlyFirst` leaves a catalogue alone that is there already. */
export async function apply(
  { mutations, catalogues }: Pick<Deps, 'mutations' | 'catalogues'>,
  wanted: readonly WantedPermission[],
  ctx: CallContext,
  { onlyFirst = false } = {},
): Promise<roleV1.ApplyCatalogueResponse> {
  const { answer } = await mutations.run(ctx, roleV1.ApplyCatalogueResponse, async (tx) => {
    tx.changed('catalogue', CATALOGUE_ID);
    // The built-in roles are made of the catalogue.
    for (const roleId of Object.values(BUILT_IN_ROLE_IDS)) tx.changed('role', roleId);
    const current = await catalogues.read(tx.session);
    if (onlyFirst && current.version > 0) return tx.unchanged({ version: current.version, added: 0, retired: 0 });
    const { catalogue, added, retired } = applied(current, wanted);
    const answer = { version: catalogue.version, added, retired };
    if (catalogue === current) return tx.unchanged(answer);
    await catalogues.write(catalogue, tx.session);
    // Of no organization: the trail that holds it is the operator's, read in the database.
    const object = { kind: 'catalogue', id: 'catalogue' };
    return tx.audited(answer, { organizationId: '', object, changed: ['permissions'] });
  });
  return answer;
}
