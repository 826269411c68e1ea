import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { newMember, newRole, newToken, type TestMember } from '@latchkey/testing';
import { EDITING, type Kind, questionsAbout, type World } from './kind';
import { untilAnswered } from './patience';

const { WORKSPACE_EDITOR, WORKSPACE_VIEWER, ORGANIZATION_ADMIN, ORGANIZATION_USER } = BUILT_IN_ROLE_IDS;
/** Of the organization admin alone. */
const ADMINISTERING = ['organization:manage', 'organization:manage-members', 'organization:manage-model-configs'];

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
      const { organizationId, admin } = tenant;
      const permissions = ['runs:read', ...EDITING];
      const roleId = await newRole(api, tenant, permissions);
      const { secret } = await memberWithToken(world, { workspaceRoleId: roleId });
      const update = (requestId: string, to: string[]) =>
        api.roles.updateRole({ organizationId, roleId, permissions: to, requestId }, { as: admin.as });
      return async () => {
        await untilAnswered((requestId) => update(requestId, permissions));
        return {
          questions: questionsAbout(secret, tenant),
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
          questions: questionsAbout(secret, tenant),
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
          questions: questionsAbout(secret, tenant),
          changes: `binding:${member.memberId}`,
          revoke: (requestId) => api.bindings.removeWorkspaceMember({ ...place, requestId }, { as: admin.as }),
        };
      };
    },
  },
  {
    name: 'binding removed',
    refusal: 'PERMISSION_MISSING',
    open: (world) =>
      Promise.resolve(async () => {
        const { worker, tenant } = world;
        const { organizationId } = tenant;
        const { member, secret } = await memberWithToken(world, { workspaceRoleId: WORKSPACE_EDITOR });
        const principalId = member.memberId;
        return {
          questions: questionsAbout(secret, tenant),
          changes: `binding:${principalId}`,
          revoke: () => worker.bindings.removePrincipal({ organizationId, principalId }),
        };
      }),
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
          questions: [
            ...ADMINISTERING.map((permission) => ({ key: secret, permission, organizationId })),
            ...questionsAbout(secret, tenant, EDITING.slice(ADMINISTERING.length)),
          ],
          changes: `binding:${memberId}`,
          revoke: (requestId) => set(requestId, ORGANIZATION_USER),
        };
      };
    },
  },
  {
    // Of the whole deployment: every other race goes on while the built-in roles change under it.
    name: 'permission retired',
    refusal: 'UNKNOWN_PERMISSION',
    // The built-in roles lose it too.
    refusalMeanwhile: 'PERMISSION_MISSING',
    async open(world) {
      const { api, tenant } = world;
      const { organizationId, admin } = tenant;
      const asked = { organizationId, pageSize: 200 };
      const { permissions: lasting } = await api.permissions.listPermissions(asked, { as: admin.as });
      const raced = EDITING.map((_, number) => ({
        name: `races:run-${number}`,
        scope: roleV1.Scope.WORKSPACE,
        description: 'Comes and goes.',
        builtInRoles: [roleV1.BuiltInRole.WORKSPACE_EDITOR],
      }));
      const { secret } = await memberWithToken(world, { workspaceRoleId: WORKSPACE_EDITOR });
      const names = raced.map(({ name }) => name);
      return async () => {
        await untilAnswered(() => api.permissions.applyCatalogue({ permissions: [...lasting, ...raced] }));
        return {
          questions: questionsAbout(secret, tenant, names),
          changes: 'catalogue:catalogue',
          revoke: () => api.permissions.applyCatalogue({ permissions: lasting }),
        };
      };
    },
  },
];
