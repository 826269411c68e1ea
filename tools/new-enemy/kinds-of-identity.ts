import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { newToken, newWorkspace } from '@latchkey/testing';
import { type Kind, questionsAbout } from './kind';
import { memberWithToken } from './kinds-of-role';
import { untilAnswered } from './patience';

const ROLES = { workspaceRoleId: BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR };

/** Mutations of the identity service. */
export const KINDS_OF_IDENTITY: readonly Kind[] = [
  {
    name: 'member removed',
    refusal: 'PRINCIPAL_REMOVED',
    open: (world) =>
      Promise.resolve(async () => {
        const { api, tenant } = world;
        const { organizationId, admin } = tenant;
        const { member, secret } = await memberWithToken(world, ROLES);
        const { memberId } = member;
        return {
          questions: questionsAbout(secret, tenant),
          changes: `member:${memberId}`,
          revoke: (requestId) => api.members.removeMember({ organizationId, memberId, requestId }, { as: admin.as }),
        };
      }),
  },
  {
    name: 'user deleted',
    refusal: 'PRINCIPAL_REMOVED',
    open: (world) =>
      Promise.resolve(async () => {
        const { api, tenant } = world;
        const { member, secret } = await memberWithToken(world, ROLES);
        return {
          questions: questionsAbout(secret, tenant),
          changes: `member:${member.memberId}`,
          revoke: (requestId) => api.users.deleteUser({ userId: member.userId, requestId }),
        };
      }),
  },
  {
    name: 'member left',
    refusal: 'PRINCIPAL_REMOVED',
    open: (world) =>
      Promise.resolve(async () => {
        const { api, tenant } = world;
        const { organizationId } = tenant;
        const { member, secret } = await memberWithToken(world, ROLES);
        return {
          questions: questionsAbout(secret, tenant),
          changes: `member:${member.memberId}`,
          revoke: (requestId) => api.members.leaveOrganization({ organizationId, requestId }, { as: member.as }),
        };
      }),
  },
  {
    name: 'member suspended',
    refusal: 'PRINCIPAL_SUSPENDED',
    async open(world) {
      const { api, tenant } = world;
      const { organizationId, admin } = tenant;
      const { member, secret } = await memberWithToken(world, ROLES);
      const which = { organizationId, memberId: member.memberId };
      return async () => {
        await untilAnswered((requestId) => api.members.reinstateMember({ ...which, requestId }, { as: admin.as }));
        return {
          questions: questionsAbout(secret, tenant),
          changes: `member:${member.memberId}`,
          revoke: (requestId) => api.members.suspendMember({ ...which, requestId }, { as: admin.as }),
        };
      };
    },
  },
  {
    name: 'workspace deleted',
    refusal: 'WORKSPACE_NOT_FOUND',
    async open({ api, tenant }) {
      const { organizationId, admin } = tenant;
      const { secret } = await newToken(api, organizationId, admin.as);
      return async () => {
        const workspaceId = await newWorkspace(api, organizationId, admin.as);
        return {
          questions: questionsAbout(secret, { workspaceId }),
          changes: `workspace:${workspaceId}`,
          revoke: (requestId) =>
            api.workspaces.deleteWorkspace({ organizationId, workspaceId, requestId }, { as: admin.as }),
        };
      };
    },
  },
];
