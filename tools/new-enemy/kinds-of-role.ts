import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { newMember, newToken, type TestMember } from '@latchkey/testing';
import { type Kind, type World } from './kind';
import { untilAnswered } from './patience';

const { WORKSPACE_EDITOR, WORKSPACE_VIEWER, ORGANIZATION_ADMIN, ORGANIZATION_USER } = BUILT_IN_ROLE_IDS;
/** In the editor's role, and not in the viewer's. */
const PERMISSION = 'runs:create';

export async function memberWithToken(
  { api, tenant }: World,
  roles: Parameters<typeof newMember>[2],
): Promise<{ member: TestMember; secret: string; tokenId: string }> {
  const member = await newMember(api, tenant, roles);
  const { id: tokenId, secret } = await newToken(api, tenant.organizationId, member.as);
  return { member, secret, tokenId };
}

/** Mutations of the role service. Each gives back what it took, so that the next race starts from a change, too. */
export const KINDS_OF_ROLE: readonly Kind[] = [
  {
    name: 'role edited',
    refusal: 'PERMISSION_MISSING',
    async open(world) {
      const { api, tenant } = world;
      const { organizationId, workspaceId, admin } = tenant;
      const set = { organizationId, scope: roleV1.Scope.WORKSPACE, name: 'edited' };
      const permissions = ['runs:read', PERMISSION];
      const { role } = await api.roles.createRole({ ...set, permissions }, { as: admin.as });
      const roleId = role?.id ?? '';
      const { secret } = await memberWithToken(world, { workspaceRoleId: roleId });
      const update = (requestId: string, to: string[]) =>
        api.roles.updateRole({ organizationId, roleId, permissions: to, requestId }, { as: admin.as });
      return async () => {
        await untilAnswered((requestId) => update(requestId, permissions));
        return {
          question: { key: secret, permission: PERMISSION, workspaceId },
          changes: `role:${roleId}`,
          revoke: (requestId) => update(requestId, ['runs:read']),
        };
      };
    },
  },
  {
    name: 'binding changed',
    refusal: 'PERMISSION_MISSING',
    async open(world) {
      const { api, tenant } = world;
      const { organizationId, workspaceId, admin } = tenant;
      const { member, secret } = await memberWithToken(world, { workspaceRoleId: WORKSPACE_VIEWER });
      const { memberId } = member;
      const set = (requestId: string, roleId: string) =>
        api.bindings.setWorkspaceRole({ organizationId, workspaceId, memberId, roleId, requestId }, { as: admin.as });
      return async () => {
        await untilAnswered((requestId) => set(requestId, WORKSPACE_EDITOR));
        return {
          question: { key: secret, permission: PERMISSION, workspaceId },
          changes: `binding:${memberId}`,
          revoke: (requestId) => set(requestId, WORKSPACE_VIEWER),
        };
      };
    },
  },
  {
    name: 'workspace membership removed',
    refusal: 'PERMISSION_MISSING',
    async open(world) {
      const { api, tenant } = world;
      const { organizationId, workspaceId, admin } = tenant;
      const { member, secret } = await memberWithToken(world, {});
      const place = { organizationId, workspaceId, memberId: member.memberId };
      return async () => {
        await untilAnswered((requestId) =>
          api.bindings.addWorkspaceMember({ ...place, roleId: WORKSPACE_EDITOR, requestId }, { as: admin.as }),
        );
        return {
          question: { key: secret, permission: PERMISSION, workspaceId },
          changes: `binding:${member.memberId}`,
          revoke: (requestId) => api.bindings.removeWorkspaceMember({ ...place, requestId }, { as: admin.as }),
        };
      };
    },
  },
  {
    name: 'organization role demoted',
    refusal: 'PERMISSION_MISSING',
    async open(world) {
      const { api, tenant } = world;
      const { organizationId, admin } = tenant;
      const { member, secret } = await memberWithToken(world, {});
      const { memberId } = member;
      const set = (requestId: string, roleId: string) =>
        api.bindings.setOrganizationRole({ organizationId, memberId, roleId, requestId }, { as: admin.as });
      return async () => {
        await untilAnswered((requestId) => set(requestId, ORGANIZATION_ADMIN));
        return {
          question: { key: secret, permission: 'organization:manage', organizationId },
          changes: `binding:${memberId}`,
          revoke: (requestId) => set(requestId, ORGANIZATION_USER),
        };
      };
    },
  },
];
