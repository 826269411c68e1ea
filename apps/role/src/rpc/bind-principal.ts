import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { assertWorkspaceActive } from '../alive';
import { type BindingRecord, rolesNamedBy, toProtoBinding } from '../binding';
import { type Catalogue } from '../catalogue';
import { writeBinding } from '../change-binding';
import { type Deps } from '../deps';
import {
  adminRequired,
  duplicateWorkspace,
  founderExists,
  founderMustBeMember,
  grantExceedsOwn,
  organizationRoleOfServiceAccount,
  principalGone,
  principalNotFound,
  roleNotFound,
  roleOfWrongScope,
  workspaceAdminRequired,
} from '../errors';
import { assertMayGrant, type BoundGranter } from '../granting';
import { findGranter, rolesById } from '../known';
import { type RoleView } from '../role';
import { delegatesServiceKeys } from '../service-account';

export const bindPrincipal =
  (deps: Deps) =>
  async (request: roleV1.BindPrincipalRequest, ctx: CallContext): Promise<roleV1.BindPrincipalResponse> => {
    const { organizationId, principalId, grantedBy } = request;
    const wanted = wantedBinding(request);
    const existing = await deps.bindings.find(principalId);
    // Said before anything about its workspaces, which may be gone as well.
    if (existing) assertSame(existing, organizationId);
    await assertWorkspacesActive(deps, wanted, ctx);
    const delegated = isServiceAccount(wanted) && (await delegatesServiceKeys(deps, organizationId, ctx));

    const { answer } = await deps.mutations.run(ctx, roleV1.BindPrincipalResponse, async (tx) => {
      tx.changed('binding', principalId);
      // A repeat, or this very call made by a relay, which may have been quicker.
      const twin = await deps.bindings.find(principalId, tx.session);
      if (twin) return tx.unchanged({ binding: toProtoBinding(assertSame(twin, organizationId)) });
      const catalogue = await deps.catalogues.read(tx.session);
      const roles = await rolesById(deps, organizationId, rolesNamedBy(wanted), catalogue, tx.session);
      assertRolesFit(wanted, roles);

      if (grantedBy === '') {
        const { admins } = await deps.seats.read(organizationId, tx.session);
        if (admins.length > 0) throw founderExists(organizationId);
      } else {
        const { granter, binding } = await findGranter(deps, organizationId, grantedBy, catalogue, tx.session);
        // One without a binding could still grant a role without permissions.
        if (binding === undefined) throw grantExceedsOwn([], '');
        assertGrantable(granter, wanted, { roles, catalogue, delegated });
      }
      const written = await writeBinding(deps, undefined, wanted, tx);
      const changed = ['organization_role_id', 'workspace_roles'];
      return tx.audited(
        { binding: toProtoBinding(written) },
        { organizationId, object: { kind: 'binding', id: principalId }, changed },
      );
    });
    // Read again: whoever deletes a workspace leaves the tombstone first and takes the roles in it away after. Either it is
    // found here, and the principal is taken back by the one who makes it; or the role is there to be found.
    await assertWorkspacesActive(deps, wanted, ctx);
    return answer;
  };

const isServiceAccount = ({ _id }: BindingRecord): boolean => _id.startsWith('svc_');

async function assertWorkspacesActive(
  deps: Pick<Deps, 'identity'>,
  { organizationId, workspaceRoles }: BindingRecord,
  ctx: CallContext,
): Promise<void> {
  for (const { workspaceId } of workspaceRoles) await assertWorkspaceActive(deps, organizationId, workspaceId, ctx);
}

function wantedBinding(request: roleV1.BindPrincipalRequest): BindingRecord {
  const { organizationId, principalId, workspaceRoles, grantedBy } = request;
  const isMember = principalId.startsWith('mem_');
  const isFounder = grantedBy === '';
  if (isFounder && !isMember) throw founderMustBeMember();
  if (!isMember && request.organizationRoleId !== '') throw organizationRoleOfServiceAccount();
  const twice = workspaceRoles.findIndex(
    ({ workspaceId }, i) => workspaceRoles.findIndex((other) => other.workspaceId === workspaceId) < i,
  );
  if (twice >= 0) throw duplicateWorkspace(twice);
  const organizationRoleId = isFounder
    ? BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN
    : request.organizationRoleId || BUILT_IN_ROLE_IDS.ORGANIZATION_USER;
  return {
    _id: principalId,
    organizationId,
    ...(isMember && { organizationRoleId }),
    workspaceRoles: workspaceRoles.map(({ workspaceId, roleId }) => ({ workspaceId, roleId })),
    version: 0,
  };
}

/** Ids are never reused, so a binding in another organization is somebody's mistake, which must not show it. */
function assertSame(existing: BindingRecord, organizationId: string): BindingRecord {
  if (existing.organizationId !== organizationId) throw principalNotFound(existing._id);
  if (existing.removed) throw principalGone(existing._id);
  return existing;
}

function assertRolesFit(wanted: BindingRecord, roles: ReadonlyMap<string, RoleView>): void {
  const places = [
    ...(wanted.organizationRoleId
      ? [{ id: wanted.organizationRoleId, scope: 'organization' as const, field: 'organization_role_id' }]
      : []),
    ...wanted.workspaceRoles.map(({ roleId }, i) => ({
      id: roleId,
      scope: 'workspace' as const,
      field: `workspace_roles[${i}].role_id`,
    })),
  ];
  for (const { id, scope, field } of places) {
    const role = roles.get(id);
    if (role === undefined) throw roleNotFound(id);
    if (role.scope !== scope) throw roleOfWrongScope(field, scope);
  }
}

function assertGrantable(
  granter: BoundGranter,
  wanted: BindingRecord,
  { roles, catalogue, delegated }: { roles: ReadonlyMap<string, RoleView>; catalogue: Catalogue; delegated: boolean },
): void {
  const { organizationRoleId = '' } = wanted;
  const organizationRole = roles.get(organizationRoleId);
  if (organizationRole) assertMayGrant(granter, organizationRole.permissions, '', catalogue);
  if (organizationRoleId === BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN && !granter.organizationAdmin) throw adminRequired();
  for (const { workspaceId, roleId } of wanted.workspaceRoles) {
    if (isServiceAccount(wanted) && !delegated && !granter.isWorkspaceAdmin(workspaceId)) {
      throw workspaceAdminRequired(workspaceId);
    }
    const role = roles.get(roleId);
    if (role) assertMayGrant(granter, role.permissions, workspaceId, catalogue);
  }
}
