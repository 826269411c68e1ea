import { roleV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { roleNameTaken, roleNotFound, staleEtag, systemRole } from '../errors';
import { assertMayGrant } from '../granting';
import { findGranter } from '../known';
import {
  isBuiltInRole,
  isReservedName,
  liveKeyOf,
  permissionSetOf,
  type RoleRecord,
  toProtoRole,
  viewOf,
} from '../role';

export const updateRole =
  (deps: Deps) =>
  async (request: roleV1.UpdateRoleRequest, ctx: PrincipalContext): Promise<roleV1.UpdateRoleResponse> => {
    const { mutations, catalogues, roles } = deps;
    const { organizationId, roleId, etag } = request;
    if (isBuiltInRole(roleId)) throw systemRole(roleId);
    const { answer } = await mutations.run(ctx, roleV1.UpdateRoleResponse, async (tx) => {
      tx.changed('role', roleId);
      const catalogue = await catalogues.read(tx.session);
      const current = await roles.find(organizationId, roleId, tx.session);
      if (current === undefined) throw roleNotFound(roleId);
      if (etag !== '' && etag !== String(current.version)) throw staleEtag();

      const before = viewOf(current);
      const permissions =
        request.permissions.length === 0
          ? before.permissions
          : permissionSetOf(request.permissions, current.scope, catalogue);
      const added = permissions.difference(before.permissions);
      if (!added.isEmpty) {
        // Whoever holds the role, wherever, would gain it: so it takes somebody who has it everywhere.
        const { granter } = await findGranter(deps, organizationId, ctx.principal.principalId, catalogue, tx.session);
        assertMayGrant(granter, added, '', catalogue);
      }

      const name = request.name === '' ? current.name : request.name;
      const liveKey = liveKeyOf(organizationId, name);
      const taken = liveKey !== current.liveKey && (await roles.isNameTaken(liveKey, tx.session));
      if (isReservedName(name) || taken) throw roleNameTaken();

      const next = { name, liveKey, description: request.description ?? current.description };
      const changed = changedFields(current, next, !permissions.equals(before.permissions));
      if (changed.length === 0) return tx.unchanged({ role: toProtoRole(before, catalogue) });
      const record: RoleRecord = {
        ...current,
        ...next,
        permissions: permissions.numbers(),
        catalogueVersion: catalogue.version,
        version: current.version + 1,
      };
      await roles.update(record, tx.session);
      return tx.audited(
        { role: toProtoRole(viewOf(record), catalogue) },
        { organizationId, object: { kind: 'role', id: roleId }, changed },
      );
    });
    return answer;
  };

function changedFields(
  current: RoleRecord,
  next: Pick<RoleRecord, 'name' | 'description'>,
  otherPermissions: boolean,
): string[] {
  return [
    ...(next.name !== current.name ? ['name'] : []),
    ...(next.description !== current.description ? ['description'] : []),
    ...(otherPermissions ? ['permissions'] : []),
  ];
}
