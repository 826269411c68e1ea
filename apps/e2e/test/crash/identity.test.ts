import mongoose from 'mongoose';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { identityV1, keyV1 } from '@latchkey/proto';
import { eventually, newMember, newToken, newUser, type TestMember } from '@latchkey/testing';
import { CrashSuite, MOST_STEPS } from './crash-suite';

jest.setTimeout(600_000);
const { ALLOWED, PRINCIPAL_REMOVED } = keyV1.DecisionReason;
const PATIENCE = { timeoutMs: 60_000 };

let crash: CrashSuite;
let stored: mongoose.Connection;
beforeAll(async () => {
  crash = await CrashSuite.start('identity');
  stored = await mongoose.createConnection(crash.suite.database.uri, { dbName: 'latchkey_identity' }).asPromise();
}, 120_000);
afterAll(async () => {
  await stored?.close();
  await crash?.suite.stop();
}, 60_000);

const reasonOf = async (secret: string): Promise<keyV1.DecisionReason> => {
  const { organizationId } = crash.tenant;
  const question = { key: secret, permission: 'organization:read', organizationId };
  return (await crash.suite.api.authorization.authorize(question)).reason;
};

const isCompleted = (organizationId: string, deletionId: string): Promise<identityV1.Deletion> =>
  eventually(async () => {
    const as = crash.tenant.admin.as;
    const { deletion } = await crash.suite.api.deletions.getDeletion({ organizationId, deletionId }, { as });
    if (deletion?.state !== identityV1.DeletionState.COMPLETED) throw new Error(`${deletionId} is ${deletion?.state}`);
    return deletion;
  }, PATIENCE);

test('CreateOrganization: killed between any two steps, the repeat finishes the job', async () => {
  const { api } = crash.suite;
  let founder = await newUser(api);
  const died = await crash.killBetweenAnyTwoSteps(
    (requestId, options) =>
      api.organizations.createOrganization({ displayName: 'Acme', requestId }, { ...options, as: founder.as }),
    async ({ organization }) => {
      expect(organization?.state).toBe(identityV1.OrganizationState.ACTIVE);
      const { organizations } = await api.organizations.listOrganizations({}, { as: founder.as });
      expect(organizations.map(({ id }) => id)).toEqual([organization?.id]);
      await api.workspaces.listWorkspaces({ organizationId: organization?.id }, { as: founder.as });
    },
    async () => {
      founder = await newUser(api);
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});

test('AddMember: killed between any two steps, the repeat finishes the job', async () => {
  const { api } = crash.suite;
  const { organizationId, workspaceId, admin } = crash.tenant;
  const workspaceRoles = [{ workspaceId, roleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER }];
  let person = await newUser(api);
  const died = await crash.killBetweenAnyTwoSteps(
    (requestId, options) => {
      const request = { organizationId, userId: person.userId, workspaceRoles, requestId };
      return api.members.addMember(request, { ...options, as: admin.as });
    },
    async ({ member }) => {
      expect([member?.state, member?.userId]).toEqual([identityV1.MemberState.ACTIVE, person.userId]);
      const { secret } = await newToken(api, organizationId, person.as);
      expect(await reasonOf(secret)).toBe(ALLOWED);
      const { binding } = await api.bindings.getBinding({ organizationId, principalId: member?.id }, { as: admin.as });
      expect(binding?.workspaceRoles).toEqual(workspaceRoles);
    },
    async () => {
      person = await newUser(api);
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});

test('RemoveMember: killed between any two steps, the repeat finishes the job and the event is delivered', async () => {
  const { api } = crash.suite;
  const { organizationId, admin } = crash.tenant;
  let member: TestMember;
  let secret = '';
  const died = await crash.killBetweenAnyTwoSteps(
    (requestId, options) => {
      const request = { organizationId, memberId: member.memberId, requestId };
      return api.members.removeMember(request, { ...options, as: admin.as });
    },
    async ({ deletionId }) => {
      expect(await reasonOf(secret)).toBe(PRINCIPAL_REMOVED);
      expect((await isCompleted(organizationId, deletionId)).tokensDeleted).toBe(1);
    },
    async () => {
      member = await newMember(api, crash.tenant);
      ({ secret } = await newToken(api, organizationId, member.as));
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});

test('DeleteUser: killed between any two steps, the repeat finishes the job', async () => {
  const { api } = crash.suite;
  const { organizationId } = crash.tenant;
  let member: TestMember;
  let secret = '';
  const died = await crash.killBetweenAnyTwoSteps(
    (requestId, options) => api.users.deleteUser({ userId: member.userId, requestId }, options),
    async ({ deletionIds }) => {
      expect(deletionIds).toHaveLength(1);
      expect(await reasonOf(secret)).toBe(PRINCIPAL_REMOVED);
      await isCompleted(organizationId, deletionIds[0] ?? '');
    },
    async () => {
      member = await newMember(api, crash.tenant);
      ({ secret } = await newToken(api, organizationId, member.as));
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});

test('killed between commit and relay, and never asked again: the event is delivered after the restart', async () => {
  const { api } = crash.suite;
  const { organizationId, admin } = crash.tenant;
  // Dies at each step in turn; at those behind the commit, nobody but the outbox knows what is to be done.
  let delivered = 0;
  for (let step = 1; step <= MOST_STEPS; step++) {
    const { memberId, as } = await newMember(api, crash.tenant);
    await newToken(api, organizationId, as);
    const removal = () => api.members.removeMember({ organizationId, memberId }, { as: admin.as, timeoutMs: 10_000 });
    if ((await crash.killAt(step, removal)) !== 'died') break;
    const { deletions } = await api.deletions.listDeletions({ organizationId, pageSize: 200 }, { as: admin.as });
    const deletion = deletions.find((each) => each.memberId === memberId);
    if (deletion === undefined) continue; // died before the commit: nothing has happened
    await isCompleted(organizationId, deletion.id);
    delivered += 1;
  }
  expect(delivered).toBeGreaterThanOrEqual(1);
});

test('a seat that a crash left closed is opened again', async () => {
  const { api } = crash.suite;
  const { organizationId, admin } = crash.tenant;
  const { memberId } = await newMember(api, crash.tenant, { organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN });
  const members = stored.collection<{ _id: string; reopening: string[] }>('members');
  // Somewhere between the closed seat and the tombstone; which step that is, is not this test's business.
  for (let step = 1; step <= MOST_STEPS; step++) {
    const removal = () => api.members.removeMember({ organizationId, memberId }, { as: admin.as, timeoutMs: 10_000 });
    expect(await crash.killAt(step, removal, { LATCHKEY_SEAT_CLOSING_MS: '1000' })).toBe('died');
    const { member } = await api.members.getMember({ organizationId, memberId }, { as: admin.as });
    if (member?.state === identityV1.MemberState.REMOVED) {
      // It has died before and behind the closing of the seat, and only then behind the tombstone.
      expect(step).toBeGreaterThan(3);
      return;
    }
    // Still a member: then still an admin in full, who can be demoted and promoted, which a closed seat refuses.
    const set = (roleId: string) =>
      api.bindings.setOrganizationRole({ organizationId, memberId, roleId }, { as: admin.as });
    await eventually(
      async () => {
        await set(BUILT_IN_ROLE_IDS.ORGANIZATION_USER);
        await set(BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN);
        // Until the relay has written down that the seat is open, a removal is refused before any step.
        expect(await members.findOne({ _id: memberId })).toMatchObject({ reopening: [] });
      },
      { ...PATIENCE, intervalMs: 500 },
    );
  }
  throw new Error(`still a member after ${MOST_STEPS} steps`);
});
