import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { keyV1, roleV1 } from '@latchkey/proto';
import {
  CallError,
  newMember,
  newRole,
  newTenant,
  newToken,
  newUser,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

const REASON = keyV1.DecisionReason;

let suite: TestSuite;
beforeAll(async () => {
  suite = await startTestSuite();
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

const refusal = async (call: Promise<unknown>): Promise<CallError> => {
  const outcome = await call.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(CallError);
  return outcome as CallError;
};

async function reason(secret: string, question: Partial<keyV1.AuthorizeRequest>): Promise<keyV1.DecisionReason> {
  return (await suite.api.authorization.authorize({ key: secret, permission: 'projects:read', ...question })).reason;
}

/** An object of each kind that is listed; the ids of all of them. */
async function oneOfEach({ organizationId, workspaceId, admin }: Tenant): Promise<string[]> {
  const options = { as: admin.as };
  const { members, roles, serviceKeys } = suite.api;
  const { id: tokenId } = await newToken(suite.api, organizationId, admin.as);
  const { role } = await roles.createRole(
    { organizationId, scope: roleV1.Scope.WORKSPACE, name: 'reader', permissions: ['runs:read'] },
    options,
  );
  const { key } = await serviceKeys.createServiceKey(
    { organizationId, name: 'bot', workspaceIds: [workspaceId] },
    options,
  );
  const { userId } = await newUser(suite.api);
  const { member } = await members.addMember(
    { organizationId, userId, workspaceRoles: [{ workspaceId, roleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER }] },
    options,
  );
  const leaver = await newUser(suite.api);
  const left = await members.addMember({ organizationId, userId: leaver.userId }, options);
  const { deletionId } = await members.removeMember({ organizationId, memberId: left.member?.id }, options);
  const ids = [organizationId, workspaceId, admin.memberId, admin.userId, tokenId, userId, deletionId];
  return [...ids, role?.id, key?.id, key?.serviceAccountId, member?.id, left.member?.id].map((id) => id ?? 'no id');
}

test('tenant-cannot-see-tenant: a key opens nothing in another organization, and is told nothing of it', async () => {
  const [ours, theirs] = [await newTenant(suite.api), await newTenant(suite.api)];
  const { secret } = await newToken(suite.api, ours.organizationId, ours.admin.as);
  expect(await reason(secret, { workspaceId: ours.workspaceId })).toBe(REASON.ALLOWED);
  expect(await reason(secret, { workspaceId: theirs.workspaceId })).toBe(REASON.WORKSPACE_NOT_FOUND);
  expect(await reason(secret, { workspaceId: 'ws_01h00000000000000000000000' })).toBe(REASON.WORKSPACE_NOT_FOUND);
  const wrong = { organizationId: theirs.organizationId, workspaceId: theirs.workspaceId };
  expect(await reason(secret, wrong)).toBe(REASON.WRONG_ORGANIZATION);
  const listed = await refusal(
    suite.api.members.listMembers({ organizationId: theirs.organizationId }, { as: { key: secret } }),
  );
  expect([listed.code, listed.reason]).toEqual(['NOT_FOUND', 'ORGANIZATION_NOT_FOUND']);
});

test('a list shows its own organization only', async () => {
  const [ours, theirs] = [await newTenant(suite.api), await newTenant(suite.api)];
  const [own, foreign] = [await oneOfEach(ours), await oneOfEach(theirs)];
  const { organizationId, workspaceId, admin } = ours;
  const options = { as: admin.as };
  const { members, workspaces, bindings, organizations, deletions, roles, tokens, serviceKeys, audit } = suite.api;
  const lists: Record<string, Promise<unknown>> = {
    members: members.listMembers({ organizationId }, options),
    workspaces: workspaces.listWorkspaces({ organizationId }, options),
    bindings: bindings.listBindings({ organizationId }, options),
    'bindings of a workspace': bindings.listBindings({ organizationId, workspaceId }, options),
    organizations: organizations.listOrganizations({}, options),
    deletions: deletions.listDeletions({ organizationId }, options),
    roles: roles.listRoles({ organizationId }, options),
    tokens: tokens.listPersonalTokens({ organizationId }, options),
    'service keys': serviceKeys.listServiceKeys({ organizationId }, options),
    'trail of identity': audit.identity.listAuditEntries({ organizationId }, options),
    'trail of role': audit.role.listAuditEntries({ organizationId }, options),
    'trail of key': audit.key.listAuditEntries({ organizationId }, options),
  };
  const shown = await Promise.all(
    Object.entries(lists).map(async ([name, list]) => {
      const text = JSON.stringify(await list);
      return { name, own: own.some((id) => text.includes(id)), foreign: foreign.filter((id) => text.includes(id)) };
    }),
  );
  expect(shown).toEqual(Object.keys(lists).map((name) => ({ name, own: true, foreign: [] })));
});

test('a token is its member’s alone: not even an admin sees, lists or deletes another’s', async () => {
  const tenant = await newTenant(suite.api);
  const { organizationId, admin } = tenant;
  const member = await newMember(suite.api, tenant);
  const { id: tokenId, secret } = await newToken(suite.api, organizationId, member.as);
  const options = { as: admin.as };
  const { tokens } = suite.api;
  const attempts = await Promise.all([
    refusal(tokens.getPersonalToken({ organizationId, tokenId }, options)),
    refusal(tokens.deletePersonalToken({ organizationId, tokenId }, options)),
  ]);
  expect(attempts.map(({ code, reason }) => [code, reason])).toEqual(Array(2).fill(['NOT_FOUND', 'KEY_NOT_FOUND']));
  expect((await tokens.listPersonalTokens({ organizationId }, options)).tokens).toEqual([]);
  expect(await reason(secret, { permission: 'organization:read', organizationId })).toBe(REASON.ALLOWED);
});

test('last-admin: two admins who remove each other at the same moment leave one behind', async () => {
  for (let round = 0; round < 5; round++) {
    const tenant = await newTenant(suite.api);
    const second = await newMember(suite.api, tenant, { organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN });
    const { organizationId, admin } = tenant;
    const outcomes = await Promise.allSettled([
      suite.api.members.removeMember({ organizationId, memberId: second.memberId }, { as: admin.as }),
      suite.api.members.removeMember({ organizationId, memberId: admin.memberId }, { as: second.as }),
    ]);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled').length).toBeLessThanOrEqual(1);
    const survivors = await Promise.allSettled(
      [admin.as, second.as].map((as) =>
        suite.api.workspaces.createWorkspace({ organizationId, name: 'after' }, { as }),
      ),
    );
    expect(survivors.some((outcome) => outcome.status === 'fulfilled')).toBe(true);
  }
});

test('last-admin: the only admin cannot be removed or demoted', async () => {
  const tenant = await newTenant(suite.api);
  const { organizationId, admin } = tenant;
  const removal = await refusal(
    suite.api.members.removeMember({ organizationId, memberId: admin.memberId }, { as: admin.as }),
  );
  const demotion = await refusal(
    suite.api.bindings.setOrganizationRole(
      { organizationId, memberId: admin.memberId, roleId: BUILT_IN_ROLE_IDS.ORGANIZATION_USER },
      { as: admin.as },
    ),
  );
  const deletion = await refusal(suite.api.users.deleteUser({ userId: admin.userId }));
  expect([removal.reason, demotion.reason, deletion.reason]).toEqual(['LAST_ADMIN', 'LAST_ADMIN', 'LAST_ADMIN']);
  await suite.api.workspaces.createWorkspace({ organizationId, name: 'still here' }, { as: admin.as });
});

test('managing never reaches up: an operator can neither remove, demote nor become an admin', async () => {
  const tenant = await newTenant(suite.api);
  const { organizationId, admin } = tenant;
  const operator = await newMember(suite.api, tenant, { organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_OPERATOR });
  const as = operator.as;
  const adminRole = BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN;
  const attempts = await Promise.all([
    refusal(suite.api.members.removeMember({ organizationId, memberId: admin.memberId }, { as })),
    refusal(
      suite.api.bindings.setOrganizationRole(
        { organizationId, memberId: admin.memberId, roleId: BUILT_IN_ROLE_IDS.ORGANIZATION_USER },
        { as },
      ),
    ),
    refusal(
      suite.api.bindings.setOrganizationRole(
        { organizationId, memberId: operator.memberId, roleId: adminRole },
        { as },
      ),
    ),
    newUser(suite.api).then(({ userId }) =>
      refusal(suite.api.members.addMember({ organizationId, userId, organizationRoleId: adminRole }, { as })),
    ),
  ]);
  expect(attempts.map((attempt) => attempt.code)).toEqual(Array(4).fill('PERMISSION_DENIED'));
  expect(attempts.map((attempt) => attempt.reason)).toEqual([
    'ADMIN_REQUIRED',
    'ADMIN_REQUIRED',
    'GRANT_EXCEEDS_OWN',
    'GRANT_EXCEEDS_OWN',
  ]);
});

test('a refused AddMember leaves no member behind', async () => {
  const tenant = await newTenant(suite.api);
  const operator = await newMember(suite.api, tenant, { organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_OPERATOR });
  const { organizationId } = tenant;
  const { userId, as } = await newUser(suite.api);
  const request = { organizationId, userId, organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN };
  await refusal(suite.api.members.addMember(request, { as: operator.as }));
  const { members } = await suite.api.members.listMembers({ organizationId }, { as: tenant.admin.as });
  expect(members.map((member) => member.userId)).not.toContain(userId);
  const asOutsider = await refusal(suite.api.organizations.getOrganization({ organizationId }, { as }));
  expect(asOutsider.code).toBe('NOT_FOUND');
  // And the person can be added properly afterwards.
  await suite.api.members.addMember({ organizationId, userId }, { as: tenant.admin.as });
});

test('a role in use cannot be deleted, a built-in one neither edited nor deleted', async () => {
  const tenant: Tenant = await newTenant(suite.api);
  const { organizationId, admin } = tenant;
  const options = { as: admin.as };
  const roleId = await newRole(suite.api, tenant, ['runs:read']);
  const holder = await newMember(suite.api, tenant, { workspaceRoleId: roleId });
  expect((await refusal(suite.api.roles.deleteRole({ organizationId, roleId }, options))).reason).toBe('ROLE_IN_USE');
  await suite.api.bindings.removeWorkspaceMember(
    { organizationId, workspaceId: tenant.workspaceId, memberId: holder.memberId },
    options,
  );
  await suite.api.roles.deleteRole({ organizationId, roleId }, options);
  const builtIn = { organizationId, roleId: BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR };
  const update = await refusal(suite.api.roles.updateRole({ ...builtIn, permissions: ['runs:read'] }, options));
  const deletion = await refusal(suite.api.roles.deleteRole(builtIn, options));
  expect([update.reason, deletion.reason]).toEqual(['SYSTEM_ROLE', 'SYSTEM_ROLE']);
});

test('an edited role counts from the moment the edit is answered', async () => {
  const tenant = await newTenant(suite.api);
  const { organizationId, workspaceId, admin } = tenant;
  const roleId = await newRole(suite.api, tenant, ['runs:read', 'runs:create']);
  const holder = await newMember(suite.api, tenant, { workspaceRoleId: roleId });
  const { secret } = await newToken(suite.api, organizationId, holder.as);
  expect(await reason(secret, { permission: 'runs:create', workspaceId })).toBe(REASON.ALLOWED);
  await suite.api.roles.updateRole({ organizationId, roleId, permissions: ['runs:read'] }, { as: admin.as });
  expect(await reason(secret, { permission: 'runs:create', workspaceId })).toBe(REASON.PERMISSION_MISSING);
  expect(await reason(secret, { permission: 'runs:read', workspaceId })).toBe(REASON.ALLOWED);
});

test('a narrowed token grants nothing: nobody sheds the narrowing by granting', async () => {
  const tenant = await newTenant(suite.api);
  const { organizationId, workspaceId, admin } = tenant;
  const roleId = await newRole(suite.api, tenant, ['runs:read']);
  const member = await newMember(suite.api, tenant, { workspaceRoleId: roleId });
  const outsider = await newMember(suite.api, tenant);
  const permissions = ['organization:manage', 'organization:manage-members'];
  permissions.push('workspaces:manage-members', 'workspaces:manage-keys', 'organization:read');
  const narrowed = await suite.api.tokens.createPersonalToken(
    { organizationId, name: 'narrow', permissions },
    { as: admin.as },
  );
  const options = { as: { key: narrowed.secret } };
  const { bindings, members, roles, serviceKeys, legacyKeys } = suite.api;
  const { memberId } = member;
  const { userId } = await newUser(suite.api);
  const keys = [{ sha256: '0'.repeat(64), name: 'old' }];
  const ADMIN = BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN;
  const attempts = [
    bindings.setOrganizationRole({ organizationId, memberId, roleId: ADMIN }, options),
    bindings.addWorkspaceMember({ organizationId, workspaceId, memberId: outsider.memberId, roleId }, options),
    bindings.setWorkspaceRole({ organizationId, workspaceId, memberId, roleId }, options),
    roles.updateRole({ organizationId, roleId, permissions: ['runs:read', 'runs:delete'] }, options),
    members.addMember({ organizationId, userId, organizationRoleId: ADMIN }, options),
    serviceKeys.createServiceKey({ organizationId, name: 'bot', workspaceIds: [workspaceId] }, options),
    legacyKeys.importLegacyKeys({ organizationId, workspaceId, keys }, options),
  ];
  for (const attempt of await Promise.all(attempts.map(refusal))) {
    expect([attempt.code, attempt.reason]).toEqual(['PERMISSION_DENIED', 'NARROWED_KEY']);
  }
  // What does not grant, it may do.
  await members.listMembers({ organizationId }, options);
  await bindings.removeWorkspaceMember({ organizationId, workspaceId, memberId }, options);
});
