import { roleV1 } from '@latchkey/proto';
import { AppError, type PrincipalContext } from '@latchkey/service';
import { assertMemberAlive, assertWorkspaceActive } from '../alive';
import { roleIn, toProtoBinding, withRoleIn } from '../binding';
import { writeBinding } from '../change-binding';
import { type Deps } from '../deps';
import { principalNotFound, roleOfWrongScope, workspaceMemberExists } from '../errors';
import { assertMayGrant } from '../granting';
import { findGranter, requireRole } from '../known';

export const addWorkspaceMember =
  (deps: Deps) =>
  async (
    request: roleV1.AddWorkspaceMemberRequest,
    ctx: PrincipalContext,
  ): Promise<roleV1.AddWorkspaceMemberResponse> => {
    const { organizationId, workspaceId, memberId, roleId } = request;
    await assertAlive(deps, request, ctx);
    const { answer } = await deps.mutations.run(ctx, roleV1.AddWorkspaceMemberResponse, async (tx) => {
      tx.changed('binding', memberId);
      const catalogue = await deps.catalogues.read(tx.session);
      const binding = await deps.bindings.findLive(organizationId, memberId, tx.session);
      if (binding === undefined) throw principalNotFound(memberId);
      const role = await requireRole(deps, organizationId, roleId, catalogue, tx.session);
      if (role.scope !== 'workspace') throw roleOfWrongScope('role_id', 'workspace');
      const { granter } = await findGranter(deps, organizationId, ctx.principal.principalId, catalogue, tx.session);
      assertMayGrant(granter, role.permissions, workspaceId, catalogue);
      if (roleIn(binding, workspaceId) !== undefined) throw workspaceMemberExists(memberId, workspaceId);
      const written = await writeBinding(deps, binding, withRoleIn(binding, workspaceId, roleId), tx);
      return tx.audited(
        { binding: toProtoBinding(written) },
        { organizationId, object: { kind: 'binding', id: memberId }, changed: ['workspace_roles'] },
      );
    });

    // Whoever ends a member or a workspace writes its tombstone first and then sweeps the bindings. Read now, after this
    // one was committed: either both are there still, and a later sweep finds it, or it goes here.
    try {
      await assertAlive(deps, request, ctx);
    } catch (error) {
      if (error instanceof AppError && error.code === 'NOT_FOUND') await undo(deps, request, ctx);
      throw error;
    }
    return answer;
  };

async function assertAlive(
  deps: Deps,
  { organizationId, workspaceId, memberId }: roleV1.AddWorkspaceMemberRequest,
  ctx: PrincipalContext,
): Promise<void> {
  await assertMemberAlive(deps, organizationId, memberId, ctx);
  await assertWorkspaceActive(deps, organizationId, workspaceId, ctx);
}

async function undo(
  deps: Deps,
  { organizationId, workspaceId, memberId }: roleV1.AddWorkspaceMemberRequest,
  ctx: PrincipalContext,
): Promise<void> {
  // The request_id belongs to the change that is undone here.
  await deps.mutations.run({ ...ctx, requestId: '' }, roleV1.RemoveWorkspaceMemberResponse, async (tx) => {
    tx.changed('binding', memberId);
    const binding = await deps.bindings.findLive(organizationId, memberId, tx.session);
    if (binding === undefined || roleIn(binding, workspaceId) === undefined)
      return tx.unchanged({ binding: undefined });
    const written = await writeBinding(deps, binding, withRoleIn(binding, workspaceId, undefined), tx);
    return tx.audited(
      { binding: toProtoBinding(written) },
      { organizationId, object: { kind: 'binding', id: memberId }, changed: ['workspace_roles'] },
    );
  });
}
