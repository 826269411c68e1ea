import { roleV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { roleIn, toProtoBinding, withRoleIn } from '../binding';
import { writeBinding } from '../change-binding';
import { type Deps } from '../deps';
import { workspaceMemberNotFound } from '../errors';
import { assertMayGrant } from '../granting';
import { findGranter, requireRole } from '../known';

export const removeWorkspaceMember =
  (deps: Deps) =>
  async (
    request: roleV1.RemoveWorkspaceMemberRequest,
    ctx: PrincipalContext,
  ): Promise<roleV1.RemoveWorkspaceMemberResponse> => {
    const { organizationId, workspaceId, memberId } = request;
    const { answer } = await deps.mutations.run(ctx, roleV1.RemoveWorkspaceMemberResponse, async (tx) => {
      tx.changed('binding', memberId);
      const catalogue = await deps.catalogues.read(tx.session);
      const binding = await deps.bindings.findLive(organizationId, memberId, tx.session);
      const currentId = binding && roleIn(binding, workspaceId);
      if (binding === undefined || currentId === undefined) throw workspaceMemberNotFound(memberId, workspaceId);
      const current = await requireRole(deps, organizationId, currentId, catalogue, tx.session);
      const { granter } = await findGranter(deps, organizationId, ctx.principal.principalId, catalogue, tx.session);
      assertMayGrant(granter, current.permissions, workspaceId, catalogue);

      const written = await writeBinding(deps, binding, withRoleIn(binding, workspaceId, undefined), tx);
      return tx.audited(
        { binding: toProtoBinding(written) },
        { organizationId, object: { kind: 'binding', id: memberId }, changed: ['workspace_roles'] },
      );
    });
    return answer;
  };
