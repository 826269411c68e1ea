import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { auditV1, identityV1, keyV1, roleV1 } from '@latchkey/proto';
import {
  type As,
  eventually,
  newMember,
  newTenant,
  newToken,
  newUser,
  newWorkspace,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

const { ALLOWED, KEY_REVOKED, PRINCIPAL_SUSPENDED, PRINCIPAL_REMOVED, WORKSPACE_NOT_FOUND } = keyV1.DecisionReason;
const { ORGANIZATION_ADMIN, ORGANIZATION_OPERATOR, WORKSPACE_ADMIN, WORKSPACE_EDITOR, WORKSPACE_VIEWER } =
  BUILT_IN_ROLE_IDS;
const PATIENCE = { timeoutMs: 30_000, intervalMs: 100 };

let suite: TestSuite;
beforeAll(async () => {
  suite = await startTestSuite({ keyReplicas: 2 });
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

/** What each replica answers about a secret in a workspace. */
async function reasonsOf(secret: string, workspaceId: string, permission = 'projects:read') {
  const question = { key: secret, permission, workspaceId };
  const answers = await Promise.all(suite.api.authorizationReplicas.map((replica) => replica.authorize(question)));
  return answers.map(({ reason }) => reason);
}

/** The same; one answer where all agree. */
async function reasonOf(...about: Parameters<typeof reasonsOf>): Promise<unknown> {
  const reasons = new Set(await reasonsOf(...about));
  return reasons.size === 1 ? [...reasons][0] : [...reasons];
}

const inOrganization = ({ organizationId }: Tenant, memberId: string) => ({ organizationId, memberId });
const suspend = (tenant: Tenant, memberId: string, as: As = tenant.admin.as) =>
  suite.api.members.suspendMember(inOrganization(tenant, memberId), { as });
const reinstate = (tenant: Tenant, memberId: string, as: As = tenant.admin.as) =>
  suite.api.members.reinstateMember(inOrganization(tenant, memberId), { as });

async function editorWithToken(tenant: Tenant) {
  const member = await newMember(suite.api, tenant, { workspaceRoleId: WORKSPACE_EDITOR });
  return { ...member, secret: (await newToken(suite.api, tenant.organizationId, member.as)).secret };
}

async function newServiceKey(tenant: Tenant, workspaceIds: string[], as: As = tenant.admin.as, roleId = '') {
  const request = { organizationId: tenant.organizationId, name: 'bot', workspaceIds, roleId };
  const { key, secret } = await suite.api.serviceKeys.createServiceKey(request, { as });
  return { id: key?.id ?? '', accountId: key?.serviceAccountId ?? '', secret };
}

describe('suspended members', () => {
  test('suspended-member-is-refused-at-once-and-back-after-reinstate', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId } = tenant;
    const member = await editorWithToken(tenant);
    for (let round = 0; round < 3; round++) {
      expect(await reasonOf(member.secret, workspaceId)).toBe(ALLOWED);
      const suspended = await suspend(tenant, member.memberId);
      expect(await reasonOf(member.secret, workspaceId)).toBe(PRINCIPAL_SUSPENDED);
      expect(suspended.member?.state).toBe(identityV1.MemberState.SUSPENDED);
      const reinstated = await reinstate(tenant, member.memberId);
      expect(await reasonOf(member.secret, workspaceId)).toBe(ALLOWED);
      expect(reinstated.member?.state).toBe(identityV1.MemberState.ACTIVE);
    }
    const { entries } = await api.audit.identity.listAuditEntries({ organizationId }, { as: tenant.admin.as });
    const about = entries.filter(({ objectId }) => objectId === member.memberId).map(({ action }) => action);
    expect(about.filter((action) => action.endsWith('/SuspendMember'))).toHaveLength(3);
    expect(about.filter((action) => action.endsWith('/ReinstateMember'))).toHaveLength(3);
  });

  test('a suspended member may do nothing itself, by key or signed in, on any service', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId } = tenant;
    const member = await editorWithToken(tenant);
    await suspend(tenant, member.memberId);
    const asks = (as: As) => [
      api.workspaces.getWorkspace({ organizationId, workspaceId }, { as }),
      api.members.leaveOrganization({ organizationId }, { as }),
      api.tokens.createPersonalToken({ organizationId, name: 'more' }, { as }),
      api.tokens.listPersonalTokens({ organizationId }, { as }),
      api.roles.listRoles({ organizationId }, { as }),
    ];
    for (const [as, code] of [
      [member.as, 'PERMISSION_DENIED'],
      [{ key: member.secret }, 'UNAUTHENTICATED'],
    ] as const) {
      for (const call of asks(as)) await expect(call).rejects.toMatchObject({ code, reason: 'PRINCIPAL_SUSPENDED' });
    }
    expect((await api.organizations.listOrganizations({}, { as: member.as })).organizations).toEqual([]);
    await expect(
      api.members.addMember({ organizationId, userId: member.userId }, { as: tenant.admin.as }),
    ).rejects.toMatchObject({ code: 'ALREADY_EXISTS', reason: 'MEMBER_EXISTS' });
  });

  test('service-keys-survive the suspension of the member who created them', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const creator = await newMember(api, tenant, { workspaceRoleId: WORKSPACE_ADMIN });
    const key = await newServiceKey(tenant, [tenant.workspaceId], creator.as);
    await suspend(tenant, creator.memberId);
    expect(await reasonOf(key.secret, tenant.workspaceId)).toBe(ALLOWED);
  });

  test('a suspended member is removed like any other, and its tokens go', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, admin } = tenant;
    const member = await editorWithToken(tenant);
    await suspend(tenant, member.memberId);
    const { deletionId } = await api.members.removeMember(inOrganization(tenant, member.memberId), { as: admin.as });
    expect(await reasonOf(member.secret, tenant.workspaceId)).toBe(PRINCIPAL_REMOVED);
    await eventually(async () => {
      const { deletion } = await api.deletions.getDeletion({ organizationId, deletionId }, { as: admin.as });
      expect(deletion?.state).toBe(identityV1.DeletionState.COMPLETED);
      expect(deletion?.tokensDeleted).toBe(1);
    }, PATIENCE);
    await expect(reinstate(tenant, member.memberId)).rejects.toMatchObject({ reason: 'MEMBER_NOT_FOUND' });
  });

  test('last-admin-cannot-be-suspended, and a suspended one does not count', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, admin } = tenant;
    const roles = { organizationRoleId: ORGANIZATION_ADMIN };
    await expect(suspend(tenant, admin.memberId)).rejects.toMatchObject({ reason: 'LAST_ADMIN' });
    const second = await newMember(api, tenant, roles);
    await suspend(tenant, second.memberId);
    const demote = { organizationId, memberId: admin.memberId, roleId: BUILT_IN_ROLE_IDS.ORGANIZATION_USER };
    const endings = [
      suspend(tenant, admin.memberId),
      api.members.removeMember(inOrganization(tenant, admin.memberId), { as: admin.as }),
      api.members.leaveOrganization({ organizationId }, { as: admin.as }),
      api.bindings.setOrganizationRole(demote, { as: admin.as }),
      api.users.deleteUser({ userId: admin.userId }),
    ];
    for (const outcome of await Promise.allSettled(endings)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { reason: 'LAST_ADMIN' } });
    }
    await reinstate(tenant, second.memberId);
    await suspend(tenant, admin.memberId, second.as);
    await reinstate(tenant, admin.memberId, second.as);
  });

  test('two admins who suspend each other at the same moment leave one', async () => {
    const { api } = suite;
    for (let round = 0; round < 5; round++) {
      const tenant = await newTenant(api);
      const second = await newMember(api, tenant, { organizationRoleId: ORGANIZATION_ADMIN });
      await Promise.allSettled([suspend(tenant, second.memberId), suspend(tenant, tenant.admin.memberId, second.as)]);
      const list = (as: As) => api.members.listMembers({ organizationId: tenant.organizationId }, { as });
      const { members } = await list(tenant.admin.as).catch(() => list(second.as));
      expect(members.filter(({ state }) => state === identityV1.MemberState.ACTIVE)).toHaveLength(1);
    }
  });

  test('an operator neither suspends nor reinstates an admin, and a narrowed key reinstates nobody', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId } = tenant;
    const operator = await newMember(api, tenant, { organizationRoleId: ORGANIZATION_OPERATOR });
    const second = await newMember(api, tenant, { organizationRoleId: ORGANIZATION_ADMIN });
    await expect(suspend(tenant, second.memberId, operator.as)).rejects.toMatchObject({ reason: 'ADMIN_REQUIRED' });
    await suspend(tenant, second.memberId);
    await expect(reinstate(tenant, second.memberId, operator.as)).rejects.toMatchObject({ reason: 'ADMIN_REQUIRED' });
    const { members } = await api.members.listMembers({ organizationId }, { as: tenant.admin.as });
    expect(members.find(({ id }) => id === second.memberId)?.state).toBe(identityV1.MemberState.SUSPENDED);

    const { secret } = await api.tokens.createPersonalToken(
      { organizationId, name: 'narrow', permissions: ['organization:manage-members'] },
      { as: tenant.admin.as },
    );
    const user = await newMember(api, tenant);
    await suspend(tenant, user.memberId, { key: secret });
    await expect(reinstate(tenant, user.memberId, { key: secret })).rejects.toMatchObject({ reason: 'NARROWED_KEY' });
    await reinstate(tenant, user.memberId, operator.as);
  });

  test('a suspended member is not promoted, but may be given a role in a workspace for later', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId, admin } = tenant;
    const member = await newMember(api, tenant);
    const { secret } = await newToken(api, organizationId, member.as);
    await suspend(tenant, member.memberId);
    const promote = { organizationId, memberId: member.memberId, roleId: ORGANIZATION_ADMIN };
    await expect(api.bindings.setOrganizationRole(promote, { as: admin.as })).rejects.toMatchObject({
      reason: 'SEAT_CLOSED',
    });
    const grant = { organizationId, workspaceId, memberId: member.memberId, roleId: WORKSPACE_VIEWER };
    await api.bindings.addWorkspaceMember(grant, { as: admin.as });
    expect(await reasonOf(secret, workspaceId)).toBe(PRINCIPAL_SUSPENDED);
    await reinstate(tenant, member.memberId);
    expect(await reasonOf(secret, workspaceId)).toBe(ALLOWED);
    await api.bindings.setOrganizationRole(promote, { as: admin.as });
  });
});

describe('members who leave', () => {
  test('are refused at once, their tokens go and their service keys stay; a key cannot leave for anybody', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId, admin } = tenant;
    const member = await newMember(api, tenant, { workspaceRoleId: WORKSPACE_ADMIN });
    const { secret } = await newToken(api, organizationId, member.as);
    const key = await newServiceKey(tenant, [workspaceId], member.as);
    await expect(api.members.leaveOrganization({ organizationId }, { as: { key: secret } })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'BEARER_REFUSED',
    });
    const { deletionId } = await api.members.leaveOrganization({ organizationId }, { as: member.as });
    expect(await reasonOf(secret, workspaceId)).toBe(PRINCIPAL_REMOVED);
    expect(await reasonOf(key.secret, workspaceId)).toBe(ALLOWED);
    await eventually(async () => {
      const { deletion } = await api.deletions.getDeletion({ organizationId, deletionId }, { as: admin.as });
      expect(deletion?.state).toBe(identityV1.DeletionState.COMPLETED);
    }, PATIENCE);
    await expect(api.members.leaveOrganization({ organizationId }, { as: member.as })).rejects.toMatchObject({
      reason: 'ORGANIZATION_NOT_FOUND',
    });
  });
});

describe('deleted workspaces', () => {
  const end = (tenant: Tenant, workspaceId: string, as: As = tenant.admin.as, requestId = '') =>
    suite.api.workspaces.deleteWorkspace({ organizationId: tenant.organizationId, workspaceId, requestId }, { as });

  test('deleted-workspace-authorizes-nothing, from the moment that the call returns', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId, admin } = tenant;
    const member = await editorWithToken(tenant);
    const adminToken = await newToken(api, organizationId, admin.as);
    const key = await newServiceKey(tenant, [workspaceId]);
    const secrets = [member.secret, adminToken.secret, key.secret];
    for (const secret of secrets) expect(await reasonOf(secret, workspaceId)).toBe(ALLOWED);
    await end(tenant, workspaceId);
    expect(await Promise.all(secrets.slice(0, 2).map((secret) => reasonOf(secret, workspaceId)))).toEqual([
      WORKSPACE_NOT_FOUND,
      WORKSPACE_NOT_FOUND,
    ]);
    // By the time that one is asked the key may be revoked already, and between the answers of two.
    for (const reason of await reasonsOf(key.secret, workspaceId)) {
      expect([WORKSPACE_NOT_FOUND, KEY_REVOKED]).toContain(reason);
    }
    await expect(api.workspaces.getWorkspace({ organizationId, workspaceId }, { as: admin.as })).rejects.toMatchObject({
      reason: 'WORKSPACE_NOT_FOUND',
    });
    expect((await api.workspaces.listWorkspaces({ organizationId }, { as: admin.as })).workspaces).toEqual([]);
    await newWorkspace(api, organizationId, admin.as, 'production');
  });

  test('the roles in it are taken away: nobody is bound there any more, and a role held only there can be deleted', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId, admin } = tenant;
    const reader = { organizationId, scope: roleV1.Scope.WORKSPACE, name: 'reader', permissions: ['runs:read'] };
    const { role } = await api.roles.createRole(reader, { as: admin.as });
    const roleId = role?.id ?? '';
    const member = await newMember(api, tenant, { workspaceRoleId: roleId });
    await end(tenant, workspaceId);
    await eventually(async () => {
      const { binding } = await api.bindings.getBinding(
        { organizationId, principalId: member.memberId },
        { as: admin.as },
      );
      expect(binding?.workspaceRoles).toEqual([]);
      await api.roles.deleteRole({ organizationId, roleId }, { as: admin.as });
    }, PATIENCE);
  });

  test('key-left-without-workspaces-dies, and one with another workspace goes on there and nowhere else', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId, admin } = tenant;
    const other = await newWorkspace(api, organizationId, admin.as);
    const third = await newWorkspace(api, organizationId, admin.as);
    const only = await newServiceKey(tenant, [workspaceId]);
    const both = await newServiceKey(tenant, [workspaceId, other]);
    await end(tenant, workspaceId);
    await eventually(async () => expect(await reasonOf(only.secret, workspaceId)).toBe(KEY_REVOKED), PATIENCE);
    expect((await api.authorization.introspectKey({ key: only.secret })).active).toBe(false);
    for (const id of [other, third]) expect(await reasonOf(only.secret, id)).toBe(KEY_REVOKED);
    await eventually(async () => {
      const { keys } = await api.serviceKeys.listServiceKeys({ organizationId }, { as: admin.as });
      expect(keys.map(({ id, workspaceIds }) => [id, workspaceIds])).toEqual([[both.id, [other]]]);
      const lost = api.bindings.getBinding({ organizationId, principalId: only.accountId }, { as: admin.as });
      await expect(lost).rejects.toMatchObject({ reason: 'PRINCIPAL_NOT_FOUND' });
    }, PATIENCE);
    expect(await reasonOf(both.secret, other)).toBe(ALLOWED);
    expect(await reasonOf(both.secret, workspaceId)).toBe(WORKSPACE_NOT_FOUND);
    expect(await reasonOf(both.secret, third)).toBe(keyV1.DecisionReason.PERMISSION_MISSING);
    await api.serviceKeys.deleteServiceKey({ organizationId, keyId: both.id }, { as: admin.as });
    await expect(
      api.serviceKeys.deleteServiceKey({ organizationId, keyId: only.id }, { as: admin.as }),
    ).rejects.toMatchObject({ reason: 'KEY_NOT_FOUND' });
  });

  test('a workspace Admin may delete it and repeat the call; whoever may not is told so, gone or not', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { workspaceId } = tenant;
    const keeper = await newMember(api, tenant, { workspaceRoleId: WORKSPACE_ADMIN });
    const editor = await newMember(api, tenant, { workspaceRoleId: WORKSPACE_EDITOR });
    await expect(end(tenant, workspaceId, editor.as)).rejects.toMatchObject({
      reason: 'PERMISSION_MISSING',
      metadata: { permission: 'workspaces:manage', workspace_id: workspaceId },
    });
    await end(tenant, workspaceId, keeper.as, 'end');
    await end(tenant, workspaceId, keeper.as, 'end');
    for (const [as, requestId] of [
      [keeper.as, 'another'],
      [editor.as, 'end'],
      [tenant.admin.as, 'end'],
    ] as const) {
      await expect(end(tenant, workspaceId, as, requestId)).rejects.toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
    }
  });

  test('racing creations: no key and no member keeps a role in a workspace that is being deleted', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, admin } = tenant;
    for (let round = 0; round < 4; round++) {
      const workspaceId = await newWorkspace(api, organizationId, admin.as);
      const racing = { ...tenant, workspaceId };
      const attempts = [1, 2, 3].flatMap(() => [
        newServiceKey(tenant, [workspaceId]),
        newMember(api, racing, { workspaceRoleId: WORKSPACE_VIEWER }),
      ]);
      const outcomes = Promise.allSettled(attempts);
      await end(tenant, workspaceId);
      for (const outcome of await outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
      }
      await eventually(async () => {
        const { bindings } = await api.bindings.listBindings({ organizationId, workspaceId }, { as: admin.as });
        expect(bindings).toEqual([]);
        const { keys } = await api.serviceKeys.listServiceKeys({ organizationId, pageSize: 200 }, { as: admin.as });
        expect(keys.filter(({ workspaceIds }) => workspaceIds.includes(workspaceId))).toEqual([]);
      }, PATIENCE);
    }
  });
});

describe('settings of an organization', () => {
  const update = (tenant: Tenant, change: Partial<identityV1.UpdateOrganizationRequest>, as: As = tenant.admin.as) =>
    suite.api.organizations.updateOrganization({ organizationId: tenant.organizationId, ...change }, { as });

  test('delegated service keys: whoever may manage keys creates one of what they hold, and of no more', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId, admin } = tenant;
    const named = async (name: string, permissions: string[]): Promise<string> => {
      const request = { organizationId, scope: roleV1.Scope.WORKSPACE, name, permissions };
      return (await api.roles.createRole(request, { as: admin.as })).role?.id ?? '';
    };
    const keeperRole = await named('keeper', ['workspaces:manage-keys', 'projects:read']);
    const reader = await named('reader', ['projects:read']);
    const keeper = await newMember(api, tenant, { workspaceRoleId: keeperRole });
    const create = (roleId: string) => newServiceKey(tenant, [workspaceId], keeper.as, roleId);
    await expect(create(reader)).rejects.toMatchObject({ reason: 'WORKSPACE_ADMIN_REQUIRED' });
    await update(tenant, { delegateServiceKeys: true });
    expect(await reasonOf((await create(reader)).secret, workspaceId)).toBe(ALLOWED);
    await expect(create('')).rejects.toMatchObject({ reason: 'GRANT_EXCEEDS_OWN' });
    await update(tenant, { delegateServiceKeys: false });
    await expect(create(reader)).rejects.toMatchObject({ reason: 'WORKSPACE_ADMIN_REQUIRED' });
  });

  test('personal tokens switched off: nobody creates one, and those that exist go on', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, workspaceId } = tenant;
    const member = await editorWithToken(tenant);
    await update(tenant, { personalTokensDisabled: true });
    for (const as of [member.as, tenant.admin.as]) {
      await expect(newToken(api, organizationId, as)).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        reason: 'PERSONAL_TOKENS_DISABLED',
      });
    }
    expect(await reasonOf(member.secret, workspaceId)).toBe(ALLOWED);
    await update(tenant, { personalTokensDisabled: false });
    await newToken(api, organizationId, member.as);
  });

  test('a stale etag changes nothing; what is left out stays; each change is in the trail with its fields', async () => {
    const { api } = suite;
    const tenant = await newTenant(api);
    const { organizationId, admin } = tenant;
    const read = async () =>
      (await api.organizations.getOrganization({ organizationId }, { as: admin.as })).organization;
    const before = await read();
    const { organization } = await update(tenant, { displayName: 'Renamed', etag: before?.etag });
    expect(organization).toMatchObject({ displayName: 'Renamed', settings: before?.settings });
    await expect(update(tenant, { displayName: 'Lost', etag: before?.etag })).rejects.toMatchObject({
      code: 'ABORTED',
      reason: 'STALE_ETAG',
    });
    expect(await read()).toEqual(organization);
    const { as } = await newUser(api);
    await expect(update(tenant, { displayName: 'Stolen' }, as)).rejects.toMatchObject({
      reason: 'ORGANIZATION_NOT_FOUND',
    });
    const { entries } = await api.audit.identity.listAuditEntries({ organizationId }, { as: admin.as });
    const change = entries.find(
      ({ action, outcome }) => action.endsWith('/UpdateOrganization') && outcome === auditV1.AuditOutcome.SUCCEEDED,
    );
    expect(change?.changedFields).toEqual(['display_name']);
  });
});
