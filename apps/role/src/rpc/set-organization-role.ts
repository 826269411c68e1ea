import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { toProtoBinding } from '../binding';
import { writeBinding } from '../change-binding';
import { type Deps } from '../deps';
import { adminRequired, principalNotFound, roleOfWrongScope, staleEtag } from '../errors';
import { assertMayGrant } from '../granting';
import { findGranter, requireRole } from '../known';

const ADMIN = BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN;

export const setOrganizationRole =
  (deps: Deps) =>
  async (
    request: roleV1.SetOrganizationRoleRequest,
    ctx: PrincipalContext,
  ): Promise<roleV1.SetOrganizationRoleResponse> => {
    const { organizationId, memberId, roleId, etag } = request;
    const { answer } = await deps.mutations.run(ctx, roleV1.SetOrganizationRoleResponse, async (tx) => {
      tx.changed('binding', memberId);
      const catalogue = await deps.catalogues.read(tx.session);
      const binding = await deps.bindings.findLive(organizationId, memberId, tx.session);
      if (binding === undefined) throw principalNotFound(memberId);
      const role = await requireRole(deps, organizationId, roleId, catalogue, tx.session);
      if (role.scope !== 'organization') throw roleOfWrongScope('role_id', 'organization');
      if (etag !== '' && etag !== String(binding.version)) throw staleEtag();

      const { granter } = await findGranter(deps, organizationId, ctx.principal.principalId, catalogue, tx.session);
      // To hold what an Admin holds is not to be one.
      if (binding.organizationRoleId === ADMIN && !granter.organizationAdmin) throw adminRequired();
      assertMayGrant(granter, role.permissions, '', catalogue);
      if (roleId === ADMIN && !granter.organizationAdmin) throw adminRequired();

      if (binding.organizationRoleId === roleId) return tx.unchanged({ binding: toProtoBinding(binding) });
      const written = await writeBinding(deps, binding, { ...binding, organizationRoleId: roleId }, tx);
      return tx.audited(
        { binding: toProtoBinding(written) },
        { organizationId, object: { kind: 'binding', id: memberId }, changed: ['organization_role_id'] },
      );
    });
    return answer;
  };
