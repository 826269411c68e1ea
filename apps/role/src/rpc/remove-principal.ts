import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type BindingRecord, NO_ROLES, rolesNamedBy } from '../binding';
import { writeBinding } from '../change-binding';
import { type Deps } from '../deps';
import { principalNotFound } from '../errors';

export const removePrincipal =
  (deps: Deps) =>
  async (request: roleV1.RemovePrincipalRequest, ctx: CallContext): Promise<roleV1.RemovePrincipalResponse> => {
    const { organizationId, principalId } = request;
    const { answer } = await deps.mutations.run(ctx, roleV1.RemovePrincipalResponse, async (tx) => {
      tx.changed('binding', principalId);
      const binding = await deps.bindings.find(principalId, tx.session);
      if (binding && binding.organizationId !== organizationId) throw principalNotFound(principalId);
      if (binding?.removed) return tx.unchanged(binding.removed);
      const rolesRemoved = binding ? rolesNamedBy(binding).length : 0;
      // Also for one that was never bound: a bind that is on its way must find that it comes too late.
      const tombstone: BindingRecord = {
        _id: principalId,
        organizationId,
        ...NO_ROLES,
        version: 0,
        removed: { rolesRemoved },
      };
      await writeBinding(deps, binding, tombstone, tx);
      const changed = ['organization_role_id', 'workspace_roles'];
      return tx.audited({ rolesRemoved }, { organizationId, object: { kind: 'binding', id: principalId }, changed });
    });
    return answer;
  };
