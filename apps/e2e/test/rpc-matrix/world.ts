import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import {
  type Api,
  newMember,
  newTenant,
  newToken,
  startTestSuite,
  type Tenant,
  type TestMember,
  type TestSuite,
} from '@latchkey/testing';

/** Ids of one tenant's objects, by what they are. */
export interface Objects {
  organizationId: string;
  workspaceId: string;
  memberId: string;
  roleId: string;
  tokenId: string;
  keyId: string;
  deletionId: string;
  userId: string;
}

/** Two tenants with one object of each kind: ours, and one that must stay invisible. */
export interface World {
  suite: TestSuite;
  api: Api;
  tenant: Tenant;
  /** A member whose only role allows organization:read-metadata: it lacks every permission that an RPC asks for. */
  nobody: TestMember;
  ours: Objects;
  theirs: Objects;
  /** The secret of our admin's token. */
  secret: string;
}

/** @param env of every service */
export async function buildWorld(env: Record<string, string> = {}): Promise<World> {
  const suite = await startTestSuite({ callers: ['stranger'], env: { all: env } });
  try {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { secret, ...ours } = await objectsOf(api, tenant);
    const { secret: _theirSecret, ...theirs } = await objectsOf(api, await newTenant(api));
    const role = await api.roles.createRole(
      {
        organizationId: tenant.organizationId,
        scope: roleV1.Scope.ORGANIZATION,
        name: 'nobody',
        permissions: ['organization:read-metadata'],
      },
      { as: tenant.admin.as },
    );
    const nobody = await newMember(api, tenant, { organizationRoleId: role.role?.id });
    return { suite, api, tenant, nobody, ours, theirs, secret };
  } catch (error) {
    await suite.stop();
    throw error;
  }
}

async function objectsOf(api: Api, tenant: Tenant): Promise<Objects & { secret: string }> {
  const { organizationId, workspaceId, admin } = tenant;
  const as = admin.as;
  const member = await newMember(api, tenant, { workspaceRoleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER });
  const removed = await newMember(api, tenant);
  const { deletionId } = await api.members.removeMember({ organizationId, memberId: removed.memberId }, { as });
  const { role } = await api.roles.createRole(
    { organizationId, scope: roleV1.Scope.WORKSPACE, name: 'reader', permissions: ['runs:read'] },
    { as },
  );
  const token = await newToken(api, organizationId, as);
  const { key } = await api.serviceKeys.createServiceKey(
    { organizationId, name: 'bot', workspaceIds: [workspaceId] },
    { as },
  );
  return {
    organizationId,
    workspaceId,
    memberId: member.memberId,
    roleId: role?.id ?? '',
    tokenId: token.id,
    keyId: key?.id ?? '',
    deletionId,
    userId: member.userId,
    secret: token.secret,
  };
}
