import { randomBytes } from 'node:crypto';
import { roleV1 } from '@latchkey/proto';
import type { Api, As } from './api';

/** A person in an organization, as tests need them. */
export interface TestMember {
  userId: string;
  memberId: string;
  /** The person, asserted by the front end. */
  as: As;
}

/** An organization with one workspace and its founder. */
export interface Tenant {
  organizationId: string;
  workspaceId: string;
  admin: TestMember;
}

const unique = (): string => randomBytes(6).toString('hex');

/** A new account, member of nothing. */
export async function newUser(api: Api, name = 'someone'): Promise<{ userId: string; as: As }> {
  const { user } = await api.users.createUser({ email: `${name}-${unique()}@example.com`, displayName: name });
  if (!user) throw new Error('CreateUser answered without a user');
  return { userId: user.id, as: { user: user.id } };
}

/** A new organization of a new person, with a workspace "production". */
export async function newTenant(api: Api): Promise<Tenant> {
  const founder = await newUser(api, 'founder');
  const { organization } = await api.organizations.createOrganization({ displayName: 'Test' }, { as: founder.as });
  if (!organization) throw new Error('CreateOrganization answered without an organization');
  const organizationId = organization.id;
  const workspaceId = await newWorkspace(api, organizationId, founder.as, 'production');
  return { organizationId, workspaceId, admin: { ...founder, memberId: organization.founderMemberId } };
}

export async function newWorkspace(api: Api, organizationId: string, as: As, name = unique()): Promise<string> {
  const { workspace } = await api.workspaces.createWorkspace({ organizationId, name }, { as });
  if (!workspace) throw new Error('CreateWorkspace answered without a workspace');
  return workspace.id;
}

/** A new person in the tenant; with a role in its workspace, or another organization role, where one is given. */
export async function newMember(
  api: Api,
  tenant: Tenant,
  roles: { workspaceRoleId?: string; organizationRoleId?: string } = {},
): Promise<TestMember> {
  const person = await newUser(api, 'member');
  const { organizationId, workspaceId } = tenant;
  const { member } = await api.members.addMember(
    {
      organizationId,
      userId: person.userId,
      organizationRoleId: roles.organizationRoleId ?? '',
      workspaceRoles: roles.workspaceRoleId ? [{ workspaceId, roleId: roles.workspaceRoleId }] : [],
    },
    { as: tenant.admin.as },
  );
  if (!member) throw new Error('AddMember answered without a member');
  return { ...person, memberId: member.id };
}

/** A role for the tenant's workspaces: its id. */
export async function newRole(
  api: Api,
  { organizationId, admin }: Pick<Tenant, 'organizationId' | 'admin'>,
  permissions: string[],
): Promise<string> {
  const request = { organizationId, scope: roleV1.Scope.WORKSPACE, name: `role-${unique()}`, permissions };
  const { role } = await api.roles.createRole(request, { as: admin.as });
  if (!role) throw new Error('CreateRole answered without a role');
  return role.id;
}

/** A personal token of the member: its id and its secret. */
export async function newToken(api: Api, organizationId: string, as: As): Promise<{ id: string; secret: string }> {
  const { token, secret } = await api.tokens.createPersonalToken({ organizationId, name: 'test' }, { as });
  if (!token) throw new Error('CreatePersonalToken answered without a token');
  return { id: token.id, secret };
}
