import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { rolesNamedBy, toProtoBinding } from '../binding';
import { writeBinding } from '../change-binding';
import { type Deps } from '../deps';
import { roleOfWrongScope, superseded } from '../errors';
import { findGranter, requireRole, rolesById } from '../known';
import { assertMayDispose, boundIn, delegatesServiceKeys } from '../service-account';

export const rebindServiceAccount =
  (deps: Deps) =>
  async (
    request: roleV1.RebindServiceAccountRequest,
    ctx: CallContext,
  ): Promise<roleV1.RebindServiceAccountResponse> => {
    const { organizationId, principalId, roleId, grantedBy, change } = request;
    const delegated = await delegatesServiceKeys(deps, organizationId, ctx);
    const { answer } = await deps.mutations.run(ctx, roleV1.RebindServiceAccountResponse, async (tx) => {
      tx.changed('binding', principalId);
      const binding = boundIn(organizationId, principalId, await deps.bindings.find(principalId, tx.session));
      const last = binding.change ?? 0;
      // Were a late one let through, a role that was narrowed since would be wide again.
      if (change < last) throw superseded(principalId);
      if (change === last) return tx.unchanged({ binding: toProtoBinding(binding) });

      const catalogue = await deps.catalogues.read(tx.session);
      const role = await requireRole(deps, organizationId, roleId, catalogue, tx.session);
      if (role.scope !== 'workspace') throw roleOfWrongScope('role_id', 'workspace');
      const roles = await rolesById(deps, organizationId, rolesNamedBy(binding), catalogue, tx.session);
      const { granter } = await findGranter(deps, organizationId, grantedBy, catalogue, tx.session);
      assertMayDispose(granter, binding, roles, catalogue, delegated, [role]);

      const workspaceRoles = binding.workspaceRoles.map(({ workspaceId }) => ({ workspaceId, roleId }));
      const written = await writeBinding(deps, binding, { ...binding, workspaceRoles, change }, tx);
      return tx.audited(
        { binding: toProtoBinding(written) },
        { organizationId, object: { kind: 'binding', id: principalId }, changed: ['workspace_roles'] },
      );
    });
    return answer;
  };
