import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { roleInUse, roleNotFound, staleEtag, systemRole } from '../errors';
import { isBuiltInRole } from '../role';

export const deleteRole =
  ({ mutations, roles }: Deps) =>
  async (request: roleV1.DeleteRoleRequest, ctx: CallContext): Promise<roleV1.DeleteRoleResponse> => {
    const { organizationId, roleId, etag } = request;
    if (isBuiltInRole(roleId)) throw systemRole(roleId);
    const { answer } = await mutations.run(ctx, roleV1.DeleteRoleResponse, async (tx) => {
      tx.changed('role', roleId);
      const current = await roles.find(organizationId, roleId, tx.session);
      if (current === undefined) throw roleNotFound(roleId);
      if (etag !== '' && etag !== String(current.version)) throw staleEtag();
      if (!(await roles.bury(roleId, tx.now, tx.session))) throw roleInUse(roleId);
      await roles.count(organizationId, -1, tx.session);
      return tx.audited({}, { organizationId, object: { kind: 'role', id: roleId } });
    });
    return answer;
  };
