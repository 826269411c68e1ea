import { randomBytes } from 'node:crypto';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { newMember, newRole, newTenant, newToken, newUser, newWorkspace } from '@latchkey/testing';
import { typeid } from 'typeid-js';
import type { World } from './world';

type Request = Record<string, unknown>;

/** One RPC as the matrix tries it. What is not said follows from its rule. */
export interface RpcCase {
  /** "latchkey.identity.v1.MemberService/AddMember" without the package's prefix. */
  rpc: string;
  /** A request that succeeds. Called anew for each try, so that a change can be tried more than once. */
  request(world: World): Request | Promise<Request>;
  /**
   * Who may ask. `permission`: the admin may, and one who lacks it is told its name. `self`: a member about itself.
   * `user`: a person who is no member of anything. `caller`: a service with this name, on nobody's behalf;
   * `others` may as well, and nobody else.
   */
  rule:
    { permission: string } | { self: string | true } | { user: true } | { caller: string; others?: readonly string[] };
  /** Reasons of NOT_FOUND when the field names an absent object, and just so for another tenant's. */
  absent?: Record<string, string>;
  /** Of an RPC that changes something, and of no other. */
  leaves?: Leaves;
}

/** What a change leaves in the trail of its service. */
export interface Leaves {
  /** Makes the change, where the matrix's request may find it made. Fields that the contract does not have are not sent. */
  request?(world: World): Promise<Request>;
  kind: string;
  /** The field of the request that has the object's id; or that of the answer, which may be the object itself. */
  object: string;
  /** The names of the fields that changed, entry by entry. */
  changed: string[][];
  /** The field of the request that has the actor's principal, where that is not our admin. */
  principal?: string;
  /** Asked for once more, under another request_id, it finds nothing to change. */
  settles?: true;
  /** The reason for which a repeat is refused, where it does not get the first answer. */
  refusesRepeat?: string;
}

const org = (world: World): Request => ({ organizationId: world.tenant.organizationId });
const inWorkspace = (world: World): Request => ({ ...org(world), workspaceId: world.tenant.workspaceId });
const unique = (): string => randomBytes(4).toString('hex');
const ORGANIZATION = { organizationId: 'ORGANIZATION_NOT_FOUND' };
const WORKSPACE = { ...ORGANIZATION, workspaceId: 'WORKSPACE_NOT_FOUND' };
const OPS = { rule: { caller: 'ops' } } as const;
/** Asks for decisions; so do the services that guard their own RPCs by them. */
const CHECKER = { rule: { caller: 'ops', others: ['identity', 'role'] } } as const;

const newMemberId = async (world: World): Promise<string> => (await newMember(world.api, world.tenant)).memberId;
const newViewerId = async (world: World): Promise<string> => {
  const roles = { workspaceRoleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER };
  return (await newMember(world.api, world.tenant, roles)).memberId;
};
const newRoleId = (world: World): Promise<string> => newRole(world.api, world.tenant, ['runs:read']);
const newTokenId = async (world: World): Promise<string> => {
  const { organizationId, admin } = world.tenant;
  return (await newToken(world.api, organizationId, admin.as)).id;
};
/** Each change of a service account's role has a higher number than the one before. */
let changes = 0;
const nextChange = (): number => ++changes;
const newKeyId = async (world: World): Promise<string> => {
  const { organizationId, workspaceId, admin } = world.tenant;
  const request = { organizationId, name: 'bot', workspaceIds: [workspaceId] };
  const { key } = await world.api.serviceKeys.createServiceKey(request, { as: admin.as });
  return key?.id ?? '';
};
const ourServiceAccount = async ({ api, ours, tenant }: World): Promise<string> => {
  const request = { organizationId: ours.organizationId, keyId: ours.keyId };
  const { key } = await api.serviceKeys.getServiceKey(request, { as: tenant.admin.as });
  return key?.serviceAccountId ?? '';
};
const anotherWorkspace = ({ api, tenant }: World): Promise<string> =>
  newWorkspace(api, tenant.organizationId, tenant.admin.as);
const deleteWorkspace = async (world: World): Promise<string> => {
  const workspaceId = await anotherWorkspace(world);
  const request = { organizationId: world.tenant.organizationId, workspaceId };
  await world.api.workspaces.deleteWorkspace(request, { as: world.tenant.admin.as });
  return workspaceId;
};
/** One for all tries: answers about it are compared, and name it. */
const deleted = new WeakMap<World, Promise<string>>();
const deletedWorkspace = (world: World): Promise<string> => {
  const known = deleted.get(world) ?? deleteWorkspace(world);
  deleted.set(world, known);
  return known;
};
const removedMember = async (world: World): Promise<{ memberId: string; deletionId: string }> => {
  const memberId = await newMemberId(world);
  const request = { organizationId: world.tenant.organizationId, memberId };
  return { memberId, ...(await world.api.members.removeMember(request, { as: world.tenant.admin.as })) };
};

const newAdminId = async (world: World): Promise<string> => {
  const roles = { organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN };
  return (await newMember(world.api, world.tenant, roles)).memberId;
};
const disabledTokenId = async (world: World): Promise<string> => {
  const { organizationId, admin } = world.tenant;
  const tokenId = await newTokenId(world);
  await world.api.tokens.disablePersonalToken({ organizationId, tokenId }, { as: admin.as });
  return tokenId;
};
const disabledKeyId = async (world: World): Promise<string> => {
  const { organizationId, admin } = world.tenant;
  const keyId = await newKeyId(world);
  await world.api.serviceKeys.disableServiceKey({ organizationId, keyId }, { as: admin.as });
  return keyId;
};
const STATE = [['state']];
const ROLES = [['organization_role_id', 'workspace_roles']];

export const IDENTITY_CASES: RpcCase[] = [
  {
    rpc: 'identity.v1.OrganizationService/CreateOrganization',
    rule: { user: true },
    request: () => ({ displayName: 'New' }),
    leaves: {
      kind: 'organization',
      object: 'organization',
      changed: [['display_name', 'founder_member_id', 'state'], ['state']],
    },
  },
  {
    rpc: 'identity.v1.OrganizationService/GetOrganization',
    rule: { permission: 'organization:read' },
    request: org,
    absent: ORGANIZATION,
  },
  { rpc: 'identity.v1.OrganizationService/ListOrganizations', rule: { user: true }, request: () => ({}) },
  {
    rpc: 'identity.v1.OrganizationService/UpdateOrganization',
    rule: { permission: 'organization:manage' },
    request: (world) => ({ ...org(world), displayName: unique(), delegateServiceKeys: false }),
    absent: ORGANIZATION,
    leaves: { kind: 'organization', object: 'organizationId', changed: [['display_name']], settles: true },
  },
  {
    rpc: 'identity.v1.WorkspaceService/CreateWorkspace',
    rule: { permission: 'organization:manage' },
    request: (world) => ({ ...org(world), name: unique() }),
    absent: ORGANIZATION,
    leaves: { kind: 'workspace', object: 'workspace', changed: [['name', 'state']] },
  },
  {
    rpc: 'identity.v1.WorkspaceService/GetWorkspace',
    rule: { permission: 'workspaces:read' },
    request: inWorkspace,
    absent: WORKSPACE,
  },
  {
    rpc: 'identity.v1.WorkspaceService/ListWorkspaces',
    rule: { permission: 'organization:read' },
    request: org,
    absent: ORGANIZATION,
  },
  {
    rpc: 'identity.v1.WorkspaceService/DeleteWorkspace',
    rule: { permission: 'workspaces:manage' },
    request: async (world) => ({ ...org(world), workspaceId: await anotherWorkspace(world) }),
    absent: WORKSPACE,
    leaves: { kind: 'workspace', object: 'workspaceId', changed: STATE },
  },
  {
    rpc: 'identity.v1.UserService/CreateUser',
    ...OPS,
    request: () => ({ email: `${unique()}@example.com`, displayName: 'New' }),
    leaves: { kind: 'user', object: 'user', changed: [['email', 'display_name', 'state']] },
  },
  { rpc: 'identity.v1.UserService/GetUser', rule: { user: true }, request: () => ({}) },
  {
    rpc: 'identity.v1.UserService/LookupUser',
    ...OPS,
    request: async ({ api }) => {
      const email = `${unique()}@example.com`;
      await api.users.createUser({ email });
      return { email };
    },
  },
  {
    rpc: 'identity.v1.UserService/DeleteUser',
    ...OPS,
    request: async ({ api }) => ({ userId: (await newUser(api)).userId }),
    leaves: {
      request: async ({ api, tenant }) => ({ userId: (await newMember(api, tenant)).userId }),
      kind: 'user',
      object: 'userId',
      changed: [['email', 'state']],
    },
  },
  {
    rpc: 'identity.v1.MemberService/AddMember',
    rule: { permission: 'organization:manage-members' },
    request: async (world) => ({ ...org(world), userId: (await newUser(world.api)).userId }),
    absent: { ...ORGANIZATION, userId: 'USER_NOT_FOUND', organizationRoleId: 'ROLE_NOT_FOUND' },
    leaves: { kind: 'member', object: 'member', changed: [['user_id', 'state'], ['state']] },
  },
  {
    rpc: 'identity.v1.MemberService/GetMember',
    rule: { permission: 'organization:read' },
    request: (world) => ({ ...org(world), memberId: world.ours.memberId }),
    absent: { ...ORGANIZATION, memberId: 'MEMBER_NOT_FOUND' },
  },
  {
    rpc: 'identity.v1.MemberService/ListMembers',
    rule: { permission: 'organization:read' },
    request: org,
    absent: ORGANIZATION,
  },
  {
    rpc: 'identity.v1.MemberService/RemoveMember',
    rule: { permission: 'organization:manage-members' },
    request: async (world) => ({ ...org(world), memberId: await newMemberId(world) }),
    absent: { ...ORGANIZATION, memberId: 'MEMBER_NOT_FOUND' },
    leaves: { kind: 'member', object: 'memberId', changed: STATE },
  },
  {
    rpc: 'identity.v1.MemberService/SuspendMember',
    rule: { permission: 'organization:manage-members' },
    request: async (world) => ({ ...org(world), memberId: await newMemberId(world) }),
    absent: { ...ORGANIZATION, memberId: 'MEMBER_NOT_FOUND' },
    leaves: { kind: 'member', object: 'memberId', changed: STATE, settles: true },
  },
  {
    rpc: 'identity.v1.MemberService/ReinstateMember',
    rule: { permission: 'organization:manage-members' },
    request: async (world) => {
      const request = { organizationId: world.tenant.organizationId, memberId: await newMemberId(world) };
      await world.api.members.suspendMember(request, { as: world.tenant.admin.as });
      return request;
    },
    absent: { ...ORGANIZATION, memberId: 'MEMBER_NOT_FOUND' },
    leaves: { kind: 'member', object: 'memberId', changed: STATE, settles: true },
  },
  {
    rpc: 'identity.v1.MemberService/LeaveOrganization',
    rule: { self: true },
    // Of an organization that can spare our admin.
    request: async ({ api, tenant }) => {
      const elsewhere = await newTenant(api);
      const request = {
        organizationId: elsewhere.organizationId,
        userId: tenant.admin.userId,
        organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN,
      };
      const { member } = await api.members.addMember(request, { as: elsewhere.admin.as });
      return { organizationId: elsewhere.organizationId, memberId: member?.id };
    },
    absent: ORGANIZATION,
    leaves: {
      kind: 'member',
      object: 'memberId',
      changed: STATE,
      principal: 'memberId',
      refusesRepeat: 'ORGANIZATION_NOT_FOUND',
    },
  },
  {
    rpc: 'identity.v1.DeletionService/GetDeletion',
    rule: { permission: 'organization:manage-members' },
    request: (world) => ({ ...org(world), deletionId: world.ours.deletionId }),
    absent: { ...ORGANIZATION, deletionId: 'DELETION_NOT_FOUND' },
  },
  {
    rpc: 'identity.v1.DeletionService/ListDeletions',
    rule: { permission: 'organization:manage-members' },
    request: org,
    absent: ORGANIZATION,
  },
  {
    rpc: 'identity.v1.DeletionService/RetryDeletion',
    rule: { permission: 'organization:manage-members' },
    request: (world) => ({ ...org(world), deletionId: world.ours.deletionId }),
    absent: { ...ORGANIZATION, deletionId: 'DELETION_NOT_FOUND' },
    leaves: {
      request: async (world) => ({ ...org(world), deletionId: (await removedMember(world)).deletionId }),
      kind: 'deletion',
      object: 'deletionId',
      changed: [[]],
    },
  },
  {
    rpc: 'identity.v1.DeletionService/CompleteDeletion',
    rule: { caller: 'worker' },
    request: (world) => ({ ...org(world), deletionId: world.ours.deletionId }),
    absent: { organizationId: 'DELETION_NOT_FOUND', deletionId: 'DELETION_NOT_FOUND' },
    leaves: {
      request: async (world) => ({ ...org(world), deletionId: (await removedMember(world)).deletionId }),
      kind: 'deletion',
      object: 'deletionId',
      changed: [['state', 'complete_time', 'tokens_deleted', 'roles_removed']],
    },
  },
  { rpc: 'identity.v1.FactService/GetOrganizationFact', rule: { caller: 'key', others: ['role'] }, request: org },
  {
    rpc: 'identity.v1.FactService/GetWorkspaceFact',
    rule: { caller: 'key', others: ['role'] },
    request: ({ ours }) => ({ workspaceId: ours.workspaceId }),
  },
  {
    rpc: 'identity.v1.FactService/GetMemberFact',
    rule: { caller: 'key', others: ['role'] },
    request: ({ ours }) => ({ memberId: ours.memberId }),
  },
  {
    rpc: 'identity.v1.FactService/FindMemberFact',
    rule: { caller: 'key', others: ['role'] },
    request: (world) => ({ ...org(world), userId: world.ours.userId }),
  },
];

export const ROLE_CASES: RpcCase[] = [
  {
    rpc: 'role.v1.PermissionService/ListPermissions',
    rule: { permission: 'organization:read' },
    request: org,
    absent: ORGANIZATION,
  },
  {
    rpc: 'role.v1.PermissionService/ApplyCatalogue',
    ...OPS,
    request: async (world) => {
      const request = { ...org(world), pageSize: 200 } as { organizationId: string; pageSize: number };
      const { permissions } = await world.api.permissions.listPermissions(request, { as: world.tenant.admin.as });
      return { permissions };
    },
    leaves: {
      request: async (world) => {
        const { permissions } = await world.api.permissions.listPermissions(
          { ...world.ours, pageSize: 200 },
          { as: world.tenant.admin.as },
        );
        const name = `things:do-${unique()}`;
        return {
          permissions: [...permissions, { name, scope: roleV1.Scope.WORKSPACE, description: '', builtInRoles: [] }],
          catalogueId: 'catalogue',
        };
      },
      kind: 'catalogue',
      object: 'catalogueId',
      changed: [['permissions']],
      settles: true,
    },
  },
  {
    rpc: 'role.v1.RoleService/CreateRole',
    rule: { permission: 'organization:manage' },
    request: (world) => ({ ...org(world), scope: roleV1.Scope.WORKSPACE, name: unique(), permissions: ['runs:read'] }),
    absent: ORGANIZATION,
    leaves: { kind: 'role', object: 'role', changed: [[]] },
  },
  {
    rpc: 'role.v1.RoleService/GetRole',
    rule: { permission: 'organization:read' },
    request: (world) => ({ ...org(world), roleId: world.ours.roleId }),
    absent: { ...ORGANIZATION, roleId: 'ROLE_NOT_FOUND' },
  },
  {
    rpc: 'role.v1.RoleService/ListRoles',
    rule: { permission: 'organization:read' },
    request: org,
    absent: ORGANIZATION,
  },
  {
    rpc: 'role.v1.RoleService/UpdateRole',
    rule: { permission: 'organization:manage' },
    request: (world) => ({ ...org(world), roleId: world.ours.roleId, permissions: ['runs:read', 'runs:create'] }),
    absent: { ...ORGANIZATION, roleId: 'ROLE_NOT_FOUND' },
    leaves: {
      request: async (world) => ({
        ...org(world),
        roleId: await newRoleId(world),
        name: unique(),
        description: 'of late',
        permissions: ['runs:create'],
      }),
      kind: 'role',
      object: 'roleId',
      changed: [['name', 'description', 'permissions']],
      settles: true,
    },
  },
  {
    rpc: 'role.v1.RoleService/DeleteRole',
    rule: { permission: 'organization:manage' },
    request: async (world) => ({ ...org(world), roleId: await newRoleId(world) }),
    absent: { ...ORGANIZATION, roleId: 'ROLE_NOT_FOUND' },
    leaves: { kind: 'role', object: 'roleId', changed: [[]] },
  },
  {
    rpc: 'role.v1.BindingService/SetOrganizationRole',
    rule: { permission: 'organization:manage-members' },
    request: (world) => ({
      ...org(world),
      memberId: world.ours.memberId,
      roleId: BUILT_IN_ROLE_IDS.ORGANIZATION_VIEWER,
    }),
    absent: { ...ORGANIZATION, memberId: 'PRINCIPAL_NOT_FOUND', roleId: 'ROLE_NOT_FOUND' },
    leaves: {
      request: async (world) => ({
        ...org(world),
        memberId: await newMemberId(world),
        roleId: BUILT_IN_ROLE_IDS.ORGANIZATION_VIEWER,
      }),
      kind: 'binding',
      object: 'memberId',
      changed: [['organization_role_id']],
      settles: true,
    },
  },
  {
    rpc: 'role.v1.BindingService/AddWorkspaceMember',
    rule: { permission: 'workspaces:manage-members' },
    request: async (world) => ({
      ...inWorkspace(world),
      memberId: await newMemberId(world),
      roleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER,
    }),
    absent: { ...WORKSPACE, memberId: 'PRINCIPAL_NOT_FOUND', roleId: 'ROLE_NOT_FOUND' },
    leaves: { kind: 'binding', object: 'memberId', changed: [['workspace_roles']] },
  },
  {
    rpc: 'role.v1.BindingService/SetWorkspaceRole',
    rule: { permission: 'workspaces:manage-members' },
    request: (world) => ({
      ...inWorkspace(world),
      memberId: world.ours.memberId,
      roleId: BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR,
    }),
    absent: { ...WORKSPACE, memberId: 'WORKSPACE_MEMBER_NOT_FOUND', roleId: 'ROLE_NOT_FOUND' },
    leaves: {
      request: async (world) => ({
        ...inWorkspace(world),
        memberId: await newViewerId(world),
        roleId: BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR,
      }),
      kind: 'binding',
      object: 'memberId',
      changed: [['workspace_roles']],
      settles: true,
    },
  },
  {
    rpc: 'role.v1.BindingService/RemoveWorkspaceMember',
    rule: { permission: 'workspaces:manage-members' },
    request: async (world) => ({ ...inWorkspace(world), memberId: await newViewerId(world) }),
    absent: { ...WORKSPACE, memberId: 'WORKSPACE_MEMBER_NOT_FOUND' },
    leaves: { kind: 'binding', object: 'memberId', changed: [['workspace_roles']] },
  },
  {
    rpc: 'role.v1.BindingService/GetBinding',
    rule: { permission: 'organization:read' },
    request: (world) => ({ ...org(world), principalId: world.ours.memberId }),
    absent: { ...ORGANIZATION, principalId: 'PRINCIPAL_NOT_FOUND' },
  },
  {
    rpc: 'role.v1.BindingService/ListBindings',
    rule: { permission: 'organization:read' },
    request: org,
    absent: ORGANIZATION,
  },
  {
    rpc: 'role.v1.BindingService/BindPrincipal',
    rule: { caller: 'identity', others: ['key'] },
    request: (world) => ({ ...org(world), principalId: world.ours.memberId, grantedBy: world.tenant.admin.memberId }),
    leaves: {
      request: (world) =>
        Promise.resolve({
          ...org(world),
          principalId: typeid('mem').toString(),
          grantedBy: world.tenant.admin.memberId,
        }),
      kind: 'binding',
      object: 'principalId',
      changed: ROLES,
      settles: true,
    },
  },
  {
    rpc: 'role.v1.BindingService/RebindServiceAccount',
    rule: { caller: 'key' },
    request: async (world) => ({
      ...org(world),
      principalId: await ourServiceAccount(world),
      roleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER,
      grantedBy: world.tenant.admin.memberId,
      change: nextChange(),
    }),
    absent: { organizationId: 'PRINCIPAL_NOT_FOUND', roleId: 'ROLE_NOT_FOUND' },
    leaves: { kind: 'binding', object: 'principalId', changed: [['workspace_roles']], settles: true },
  },
  {
    rpc: 'role.v1.BindingService/CheckServiceAccountGrant',
    rule: { caller: 'key' },
    request: async (world) => ({
      ...org(world),
      principalId: await ourServiceAccount(world),
      grantedBy: world.tenant.admin.memberId,
    }),
    absent: { organizationId: 'PRINCIPAL_NOT_FOUND' },
  },
  {
    rpc: 'role.v1.BindingService/RemovePrincipal',
    rule: { caller: 'worker', others: ['identity', 'key'] },
    request: async (world) => ({ ...org(world), principalId: (await removedMember(world)).memberId }),
    leaves: { kind: 'binding', object: 'principalId', changed: ROLES, settles: true },
  },
  {
    rpc: 'role.v1.BindingService/RemoveWorkspace',
    rule: { caller: 'identity', others: ['worker'] },
    request: async (world) => ({ ...org(world), workspaceId: await deletedWorkspace(world) }),
    absent: { organizationId: 'WORKSPACE_NOT_FOUND', workspaceId: 'WORKSPACE_NOT_FOUND' },
    leaves: {
      request: async (world) => {
        const { organizationId, admin } = world.tenant;
        const memberId = await newMemberId(world);
        const workspaceId = await anotherWorkspace(world);
        const roleId = BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER;
        await world.api.bindings.addWorkspaceMember(
          { organizationId, workspaceId, memberId, roleId },
          { as: admin.as },
        );
        await world.api.workspaces.deleteWorkspace({ organizationId, workspaceId }, { as: admin.as });
        return { organizationId, workspaceId, memberId };
      },
      kind: 'binding',
      object: 'memberId',
      changed: [['workspace_roles']],
      settles: true,
    },
  },
  {
    rpc: 'role.v1.BindingService/CloseSeat',
    rule: { caller: 'identity' },
    request: (world) => ({ ...org(world), memberId: world.ours.memberId }),
    leaves: {
      request: async (world) => ({ ...org(world), memberId: await newAdminId(world) }),
      kind: 'binding',
      object: 'memberId',
      changed: [['seat']],
      settles: true,
    },
  },
  {
    rpc: 'role.v1.BindingService/ReopenSeat',
    rule: { caller: 'identity' },
    request: (world) => ({ ...org(world), memberId: world.ours.memberId }),
    leaves: {
      request: async (world) => {
        const request = { organizationId: world.tenant.organizationId, memberId: await newAdminId(world) };
        await world.suite.apiAs('identity').bindings.closeSeat(request);
        return request;
      },
      kind: 'binding',
      object: 'memberId',
      changed: [['seat']],
      settles: true,
    },
  },
  {
    rpc: 'role.v1.FactService/GetBindingFact',
    rule: { caller: 'key', others: ['identity'] },
    request: ({ ours }) => ({ principalId: ours.memberId }),
  },
  {
    rpc: 'role.v1.FactService/GetRoleFact',
    rule: { caller: 'key', others: ['identity'] },
    request: ({ ours }) => ({ roleId: ours.roleId }),
  },
  { rpc: 'role.v1.FactService/GetCatalogueFact', rule: { caller: 'key', others: ['identity'] }, request: () => ({}) },
];

const ONE_KEY: Omit<RpcCase, 'rpc'> = {
  rule: { permission: 'workspaces:manage-keys' },
  request: async (world) => ({ ...org(world), keyId: await newKeyId(world) }),
  absent: { ...ORGANIZATION, keyId: 'KEY_NOT_FOUND' },
};

export const KEY_CASES: RpcCase[] = [
  {
    rpc: 'key.v1.PersonalTokenService/CreatePersonalToken',
    rule: { self: 'organization:pats:create' },
    request: (world) => ({ ...org(world), name: 'laptop' }),
    absent: ORGANIZATION,
    leaves: { kind: 'key', object: 'token', changed: [[]] },
  },
  {
    rpc: 'key.v1.PersonalTokenService/GetPersonalToken',
    rule: { self: true },
    request: (world) => ({ ...org(world), tokenId: world.ours.tokenId }),
    absent: { ...ORGANIZATION, tokenId: 'KEY_NOT_FOUND' },
  },
  { rpc: 'key.v1.PersonalTokenService/ListPersonalTokens', rule: { self: true }, request: org, absent: ORGANIZATION },
  {
    rpc: 'key.v1.PersonalTokenService/DeletePersonalToken',
    rule: { self: true },
    request: async (world) => ({ ...org(world), tokenId: await newTokenId(world) }),
    absent: { ...ORGANIZATION, tokenId: 'KEY_NOT_FOUND' },
    leaves: { kind: 'key', object: 'tokenId', changed: STATE },
  },
  {
    rpc: 'key.v1.PersonalTokenService/UpdatePersonalToken',
    rule: { self: true },
    request: (world) => ({ ...org(world), tokenId: world.ours.tokenId, name: unique() }),
    absent: { ...ORGANIZATION, tokenId: 'KEY_NOT_FOUND' },
    leaves: {
      request: async (world) => ({
        ...org(world),
        tokenId: await newTokenId(world),
        name: unique(),
        narrowing: { permissions: ['runs:read'] },
      }),
      kind: 'key',
      object: 'tokenId',
      changed: [['name', 'permissions']],
      settles: true,
    },
  },
  {
    rpc: 'key.v1.PersonalTokenService/DisablePersonalToken',
    rule: { self: true },
    request: async (world) => ({ ...org(world), tokenId: await newTokenId(world) }),
    absent: { ...ORGANIZATION, tokenId: 'KEY_NOT_FOUND' },
    leaves: { kind: 'key', object: 'tokenId', changed: STATE, settles: true },
  },
  {
    rpc: 'key.v1.PersonalTokenService/EnablePersonalToken',
    rule: { self: true },
    request: (world) => ({ ...org(world), tokenId: world.ours.tokenId }),
    absent: { ...ORGANIZATION, tokenId: 'KEY_NOT_FOUND' },
    leaves: {
      request: async (world) => ({ ...org(world), tokenId: await disabledTokenId(world) }),
      kind: 'key',
      object: 'tokenId',
      changed: STATE,
      settles: true,
    },
  },
  {
    rpc: 'key.v1.PersonalTokenService/RotatePersonalToken',
    rule: { self: true },
    request: async (world) => ({ ...org(world), tokenId: await newTokenId(world) }),
    absent: { ...ORGANIZATION, tokenId: 'KEY_NOT_FOUND' },
    leaves: { kind: 'key', object: 'tokenId', changed: [['secret']] },
  },
  {
    rpc: 'key.v1.PersonalTokenService/RevokeMemberTokens',
    rule: { caller: 'worker' },
    request: async (world) => ({ ...org(world), ...(await removedMember(world)) }),
    leaves: {
      request: async (world) => {
        const { organizationId, admin } = world.tenant;
        const { memberId, as } = await newMember(world.api, world.tenant);
        const { id: tokenId } = await newToken(world.api, organizationId, as);
        const { deletionId } = await world.api.members.removeMember({ organizationId, memberId }, { as: admin.as });
        return { organizationId, memberId, deletionId, tokenId };
      },
      kind: 'key',
      object: 'tokenId',
      changed: STATE,
      settles: true,
    },
  },
  {
    rpc: 'key.v1.ServiceKeyService/CreateServiceKey',
    rule: { permission: 'workspaces:manage-keys' },
    request: (world) => ({ ...org(world), name: 'bot', workspaceIds: [world.tenant.workspaceId] }),
    absent: { ...ORGANIZATION, workspaceIds: 'WORKSPACE_NOT_FOUND', roleId: 'ROLE_NOT_FOUND' },
    leaves: { kind: 'key', object: 'key', changed: [[], ['state']] },
  },
  {
    rpc: 'key.v1.ServiceKeyService/GetServiceKey',
    rule: { permission: 'organization:read' },
    request: (world) => ({ ...org(world), keyId: world.ours.keyId }),
    absent: { ...ORGANIZATION, keyId: 'KEY_NOT_FOUND' },
  },
  {
    rpc: 'key.v1.ServiceKeyService/ListServiceKeys',
    rule: { permission: 'organization:read' },
    request: org,
    absent: ORGANIZATION,
  },
  {
    rpc: 'key.v1.ServiceKeyService/DeleteServiceKey',
    rule: { permission: 'workspaces:manage-keys' },
    request: async (world) => ({ ...org(world), keyId: await newKeyId(world) }),
    absent: { ...ORGANIZATION, keyId: 'KEY_NOT_FOUND' },
    leaves: { kind: 'key', object: 'keyId', changed: STATE },
  },
  {
    rpc: 'key.v1.ServiceKeyService/UpdateServiceKey',
    rule: { permission: 'workspaces:manage-keys' },
    request: async (world) => ({
      ...org(world),
      keyId: await newKeyId(world),
      name: unique(),
      roleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER,
    }),
    absent: { ...ORGANIZATION, keyId: 'KEY_NOT_FOUND', roleId: 'ROLE_NOT_FOUND' },
    leaves: { kind: 'key', object: 'keyId', changed: [['name', 'role_id'], ['role_id']], settles: true },
  },
  {
    ...ONE_KEY,
    rpc: 'key.v1.ServiceKeyService/DisableServiceKey',
    leaves: { kind: 'key', object: 'keyId', changed: STATE, settles: true },
  },
  {
    ...ONE_KEY,
    rpc: 'key.v1.ServiceKeyService/EnableServiceKey',
    leaves: {
      request: async (world) => ({ ...org(world), keyId: await disabledKeyId(world) }),
      kind: 'key',
      object: 'keyId',
      changed: STATE,
      settles: true,
    },
  },
  {
    ...ONE_KEY,
    rpc: 'key.v1.ServiceKeyService/RotateServiceKey',
    leaves: { kind: 'key', object: 'keyId', changed: [['secret']] },
  },
  {
    rpc: 'key.v1.ServiceKeyService/RemoveWorkspace',
    rule: { caller: 'identity' },
    request: async (world) => ({ ...org(world), workspaceId: await deletedWorkspace(world) }),
    absent: { organizationId: 'WORKSPACE_NOT_FOUND', workspaceId: 'WORKSPACE_NOT_FOUND' },
    leaves: {
      request: async (world) => {
        const { organizationId, admin } = world.tenant;
        const workspaceId = await anotherWorkspace(world);
        const request = { organizationId, name: 'bot', workspaceIds: [workspaceId] };
        const { key } = await world.api.serviceKeys.createServiceKey(request, { as: admin.as });
        await world.api.workspaces.deleteWorkspace({ organizationId, workspaceId }, { as: admin.as });
        return { organizationId, workspaceId, keyId: key?.id };
      },
      kind: 'key',
      object: 'keyId',
      changed: STATE,
      settles: true,
    },
  },
  {
    rpc: 'key.v1.LegacyKeyService/ImportLegacyKeys',
    rule: { permission: 'workspaces:manage-keys' },
    request: (world) => ({
      ...inWorkspace(world),
      keys: [{ sha256: randomBytes(32).toString('hex'), name: 'from before' }],
    }),
    absent: WORKSPACE,
    leaves: { kind: 'key', object: 'keyIds', changed: [[], ['state']], settles: true },
  },
  {
    rpc: 'key.v1.LegacyKeyService/SetLegacySunset',
    rule: { permission: 'organization:manage' },
    request: (world) => ({ ...org(world), sunsetTime: new Date(Date.now() + 86_400_000) }),
    absent: ORGANIZATION,
    leaves: { kind: 'organization', object: 'organizationId', changed: [['legacy_sunset_time']], settles: true },
  },
  {
    rpc: 'key.v1.AuthorizationService/Authorize',
    ...CHECKER,
    request: (world) => ({ key: world.secret, permission: 'runs:read', workspaceId: world.tenant.workspaceId }),
  },
  {
    rpc: 'key.v1.AuthorizationService/BatchAuthorize',
    ...CHECKER,
    request: (world) => {
      const check = { permission: 'runs:read', workspaceId: world.tenant.workspaceId, organizationId: '' };
      return { checks: [{ ...check, key: world.secret }] };
    },
  },
  {
    rpc: 'key.v1.AuthorizationService/AuthorizeUser',
    rule: { caller: 'identity', others: ['role'] },
    request: (world) => ({ ...org(world), userId: world.tenant.admin.userId, permission: 'organization:read' }),
  },
  { rpc: 'key.v1.AuthorizationService/IntrospectKey', ...CHECKER, request: (world) => ({ key: world.secret }) },
];

/** AuditService stands on each of the three addresses. */
export const AUDIT_CASE: RpcCase = {
  rpc: 'audit.v1.AuditService/ListAuditEntries',
  rule: { permission: 'organization:manage' },
  request: org,
  absent: ORGANIZATION,
};
