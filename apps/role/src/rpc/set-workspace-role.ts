import { roleV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { roleIn, toProtoBinding, withRoleIn } from '../binding';
import { writeBinding } from '../change-binding';
import { type Deps } from '../deps';
import { roleOfWrongScope, staleEtag, workspaceMemberNotFound } from '../errors';
import { assertMayGrant } from '../granting';
import { findGranter, requireRole } from '../known';

export const setWorkspaceRole =
  (deps: Deps) =>
  async (request: roleV1.SetWorkspaceRoleRequest, ctx: PrincipalContext): Promise<roleV1.SetWorkspaceRoleResponse> => {
    const { organizationId, workspaceId, memberId, roleId, etag } = request;
    const { answer } = await deps.mutations.run(ctx, roleV1.SetWorkspaceRoleResponse, async (tx) => {
      tx.changed('binding', memberId);
      const catalogue = await deps.catalogues.read(tx.session);
      const binding = await deps.bindings.findLive(organizationId, memberId, tx.session);
      const currentId = binding && roleIn(binding, workspaceId);
      if (binding === undefined || currentId === undefined) throw workspaceMemberNotFound(memberId, workspaceId);
      const role = await requireRole(deps, organizationId, roleId, catalogue, tx.session);
      if (role.scope !== 'workspace') throw roleOfWrongScope('role_id', 'workspace');
      if (etag !== '' && etag !== String(binding.version)) throw staleEtag();

      const current = await requireRole(deps, organizationId, currentId, catalogue, tx.session);
      const { granter } = await findGranter(deps, organizationId, ctx.principal.principalId, catalogue, tx.session);
      assertMayGrant(granter, role.permissions.union(current.permissions), workspaceId, catalogue);

      if (currentId === roleId) return tx.unchanged({ binding: toProtoBinding(binding) });
      const written = await writeBinding(deps, binding, withRoleIn(binding, workspaceId, roleId), tx);
      return tx.audited(
        { binding: toProtoBinding(written) },
        { organizationId, object: { kind: 'binding', id: memberId }, changed: ['workspace_roles'] },
      );
    });
    return answer;
  };
