import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from '../deps';
import { roleNameTaken, tooManyRoles } from '../errors';
import {
  fromProtoScope,
  isReservedName,
  liveKeyOf,
  MAX_ROLES,
  permissionSetOf,
  type RoleRecord,
  toProtoRole,
  viewOf,
} from '../role';

export const createRole =
  ({ mutations, catalogues, roles }: Deps) =>
  async (request: roleV1.CreateRoleRequest, ctx: CallContext): Promise<roleV1.CreateRoleResponse> => {
    const { organizationId, name, description } = request;
    const scope = fromProtoScope(request.scope);
    const id = typeid('role').toString();
    const { answer } = await mutations.run(ctx, roleV1.CreateRoleResponse, async (tx) => {
      const catalogue = await catalogues.read(tx.session);
      const permissions = permissionSetOf(request.permissions, scope, catalogue);
      const liveKey = liveKeyOf(organizationId, name);
      if (isReservedName(name) || (await roles.isNameTaken(liveKey, tx.session))) throw roleNameTaken();
      if ((await roles.count(organizationId, 1, tx.session)) > MAX_ROLES) throw tooManyRoles(MAX_ROLES);
      const record: RoleRecord = {
        _id: id,
        organizationId,
        scope,
        name,
        liveKey,
        description,
        permissions: permissions.numbers(),
        catalogueVersion: catalogue.version,
        version: 1,
        references: 0,
        createTime: tx.now,
      };
      await roles.insert(record, tx.session);
      return tx.audited(
        { role: toProtoRole(viewOf(record), catalogue) },
        { organizationId, object: { kind: 'role', id } },
      );
    });
    return answer;
  };
