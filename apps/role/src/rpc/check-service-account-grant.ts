import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { rolesNamedBy } from '../binding';
import { type Deps } from '../deps';
import { findGranter, rolesById } from '../known';
import { assertMayDispose, boundIn, delegatesServiceKeys } from '../service-account';

export const checkServiceAccountGrant =
  (deps: Deps) =>
  async (
    request: roleV1.CheckServiceAccountGrantRequest,
    ctx: CallContext,
  ): Promise<roleV1.CheckServiceAccountGrantResponse> => {
    const { organizationId, principalId, grantedBy } = request;
    const delegated = await delegatesServiceKeys(deps, organizationId, ctx);
    // In a transaction for its snapshot: the two bindings and the roles are those of one moment.
    const { answer } = await deps.mutations.run(ctx, roleV1.CheckServiceAccountGrantResponse, async (tx) => {
      const binding = boundIn(organizationId, principalId, await deps.bindings.find(principalId, tx.session));
      const catalogue = await deps.catalogues.read(tx.session);
      const roles = await rolesById(deps, organizationId, rolesNamedBy(binding), catalogue, tx.session);
      const { granter } = await findGranter(deps, organizationId, grantedBy, catalogue, tx.session);
      assertMayDispose(granter, binding, roles, catalogue, delegated);
      return tx.unchanged({});
    });
    return answer;
  };
