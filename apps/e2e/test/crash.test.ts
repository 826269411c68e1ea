import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { identityV1, keyV1 } from '@latchkey/proto';
import {
  type CallOptions,
  eventually,
  newMember,
  newTenant,
  newToken,
  newUser,
  type ProcessName,
  repositoryRoot,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

const { ALLOWED } = keyV1.DecisionReason;
/** More steps than any flow has: a flow that still dies here does not end. */
const MOST_STEPS = 30;

jest.setTimeout(300_000);

let suite: TestSuite;
let tenant: Tenant;
const armFiles = { identity: '', key: '' };

beforeAll(async () => {
  const crashMain = (app: string): string => join(repositoryRoot, 'apps', app, 'dist/crash-main.js');
  suite = await startTestSuite({
    mains: { identity: crashMain('identity'), key: crashMain('key') },
    env: { all: { LATCHKEY_TEST_CRASH_FILE: '' } },
  });
  for (const app of ['identity', 'key'] as const) {
    armFiles[app] = join(suite.dir, `crash-${app}`);
    await suite.processes[app].restart({ env: { LATCHKEY_TEST_CRASH_FILE: armFiles[app] } });
  }
  tenant = await newTenant(suite.api);
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

/** Starts the app again, and waits until calls of this test get through to it. */
async function restart(app: 'identity' | 'key', env: Record<string, string> = {}): Promise<void> {
  await suite.processes[app].exited;
  await suite.processes[app].restart({ env });
  const options = { as: tenant.admin.as };
  await eventually(async () => {
    await suite.api.organizations.getOrganization({ organizationId: tenant.organizationId }, options);
    await suite.api.tokens.listPersonalTokens({ organizationId: tenant.organizationId }, options);
  });
}

/**
 * Kills `app` at step 1, 2, 3 … of the call, starts it again, repeats the call with the same request_id, and has `check` look at
 * the answer; until the call is answered without a death. Answers at how many steps it died.
 */
async function killBetweenAnyTwoSteps<A>(
  app: 'identity' | 'key',
  call: (requestId: string, options: CallOptions) => Promise<A>,
  check: (answer: A, died: boolean) => Promise<void>,
  prepare: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const process = suite.processes[app as ProcessName & 'identity'];
  for (let step = 1; step <= MOST_STEPS; step++) {
    await prepare();
    const requestId = randomBytes(8).toString('hex');
    writeFileSync(armFiles[app], String(step));
    const first = await call(requestId, { timeoutMs: 10_000 }).then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    );
    // The call may be answered, and a background step kill the process just after.
    const died = 'error' in first || !process.running;
    rmSync(armFiles[app]);
    if (!died && 'answer' in first) {
      await check(first.answer, false);
      return step - 1;
    }
    await restart(app);
    // A transaction that was open when the process died holds its locks until the database gives it up.
    const answer = await eventually(() => call(requestId, {}), { timeoutMs: 60_000 });
    await check(answer, true);
    // And once more: it is so, and stays so.
    await check(await call(requestId, {}), true);
  }
  throw new Error(`the call still dies at step ${MOST_STEPS}`);
}

test('CreateOrganization: killed between any two steps, the repeat finishes the job', async () => {
  let founder = await newUser(suite.api);
  const died = await killBetweenAnyTwoSteps(
    'identity',
    (requestId, options) =>
      suite.api.organizations.createOrganization({ displayName: 'Acme', requestId }, { ...options, as: founder.as }),
    async ({ organization }) => {
      expect(organization?.state).toBe(identityV1.OrganizationState.ACTIVE);
      const { organizations } = await suite.api.organizations.listOrganizations({}, { as: founder.as });
      expect(organizations.map(({ id }) => id)).toEqual([organization?.id]);
      const organizationId = organization?.id ?? '';
      await suite.api.workspaces.listWorkspaces({ organizationId }, { as: founder.as });
    },
    async () => {
      founder = await newUser(suite.api);
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});

test('AddMember: killed between any two steps, the repeat finishes the job', async () => {
  const { organizationId, workspaceId, admin } = tenant;
  let person = await newUser(suite.api);
  const died = await killBetweenAnyTwoSteps(
    'identity',
    (requestId, options) =>
      suite.api.members.addMember(
        {
          organizationId,
          userId: person.userId,
          workspaceRoles: [{ workspaceId, roleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER }],
          requestId,
        },
        { ...options, as: admin.as },
      ),
    async ({ member }) => {
      expect([member?.state, member?.userId]).toEqual([identityV1.MemberState.ACTIVE, person.userId]);
      const { secret } = await newToken(suite.api, organizationId, person.as);
      const answer = await suite.api.authorization.authorize({ key: secret, permission: 'runs:read', workspaceId });
      expect(answer.reason).toBe(ALLOWED);
    },
    async () => {
      person = await newUser(suite.api);
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});

test('RemoveMember: killed between any two steps, the repeat finishes the job and the event is delivered', async () => {
  const { organizationId, admin } = tenant;
  let member = await newMember(suite.api, tenant);
  let secret = '';
  const died = await killBetweenAnyTwoSteps(
    'identity',
    (requestId, options) =>
      suite.api.members.removeMember(
        { organizationId, memberId: member.memberId, requestId },
        { ...options, as: admin.as },
      ),
    async ({ deletionId }) => {
      const answer = await suite.api.authorization.authorize({
        key: secret,
        permission: 'organization:read',
        organizationId,
      });
      expect(answer.reason).toBe(keyV1.DecisionReason.PRINCIPAL_REMOVED);
      await eventually(
        async () => {
          const { deletion } = await suite.api.deletions.getDeletion({ organizationId, deletionId }, { as: admin.as });
          expect([deletion?.state, deletion?.tokensDeleted]).toEqual([identityV1.DeletionState.COMPLETED, 1]);
        },
        { timeoutMs: 60_000 },
      );
    },
    async () => {
      member = await newMember(suite.api, tenant);
      ({ secret } = await newToken(suite.api, organizationId, member.as));
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});

test('killed between commit and relay, and never asked again: the event is delivered after the restart', async () => {
  const { organizationId, admin } = tenant;
  const { identity } = suite.processes;
  // Dies at each step in turn; at those behind the commit, nobody but the outbox knows what is to be done.
  let delivered = 0;
  for (let step = 1; step <= MOST_STEPS; step++) {
    const member = await newMember(suite.api, tenant);
    await newToken(suite.api, organizationId, member.as);
    writeFileSync(armFiles.identity, String(step));
    const request = { organizationId, memberId: member.memberId };
    const answered = await suite.api.members.removeMember(request, { as: admin.as, timeoutMs: 10_000 }).then(
      () => true,
      () => false,
    );
    const died = !answered || !identity.running;
    rmSync(armFiles.identity);
    if (!died) break;
    await restart('identity');
    const find = async (): Promise<identityV1.Deletion | undefined> => {
      const { deletions } = await suite.api.deletions.listDeletions(
        { organizationId, pageSize: 200 },
        { as: admin.as },
      );
      return deletions.find((deletion) => deletion.memberId === member.memberId);
    };
    if ((await find()) === undefined) continue; // died before the commit: nothing has happened
    delivered += 1;
    await eventually(async () => expect((await find())?.state).toBe(identityV1.DeletionState.COMPLETED), {
      timeoutMs: 60_000,
    });
  }
  expect(delivered).toBeGreaterThanOrEqual(1);
});

test('CreateServiceKey: killed between any two steps, the repeat finishes the job and shows no second secret', async () => {
  const { organizationId, workspaceId, admin } = tenant;
  const names = new Set<string>();
  let name = '';
  const died = await killBetweenAnyTwoSteps(
    'key',
    (requestId, options) =>
      suite.api.serviceKeys.createServiceKey(
        { organizationId, name, workspaceIds: [workspaceId], requestId },
        { ...options, as: admin.as },
      ),
    async ({ key, secret, secretAlreadyShown }) => {
      expect(secretAlreadyShown).toBe(secret === '');
      if (secret) {
        const answer = await suite.api.authorization.authorize({ key: secret, permission: 'runs:read', workspaceId });
        expect(answer.reason).toBe(ALLOWED);
      }
      const { keys } = await suite.api.serviceKeys.listServiceKeys({ organizationId, pageSize: 200 }, { as: admin.as });
      expect(keys.filter((listed) => listed.name === name).map(({ id }) => id)).toEqual([key?.id]);
      const { binding } = await suite.api.bindings.getBinding(
        { organizationId, principalId: key?.serviceAccountId },
        { as: admin.as },
      );
      expect(binding?.workspaceRoles).toHaveLength(1);
    },
    () => {
      name = `bot ${randomBytes(4).toString('hex')}`;
      names.add(name);
      return Promise.resolve();
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});

test('a seat that a crash left closed is opened again', async () => {
  const second = await newMember(suite.api, tenant, { organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN });
  const { organizationId, admin } = tenant;
  const { identity } = suite.processes;
  // Somewhere between the closed seat and the tombstone; which step that is, is not this test's business.
  for (let step = 1; step <= MOST_STEPS; step++) {
    writeFileSync(armFiles.identity, String(step));
    const request = { organizationId, memberId: second.memberId };
    const answered = await suite.api.members.removeMember(request, { as: admin.as, timeoutMs: 10_000 }).then(
      () => true,
      () => false,
    );
    const died = !answered || !identity.running;
    rmSync(armFiles.identity);
    if (!died) throw new Error('the removal was answered before any of its steps died');
    await restart('identity', { LATCHKEY_SEAT_CLOSING_MS: '1000' });
    const { members } = await suite.api.members.listMembers({ organizationId, pageSize: 200 }, { as: admin.as });
    if (!members.some((member) => member.id === second.memberId)) {
      // It died before and behind the closing of the seat, and only then behind the tombstone.
      expect(step).toBeGreaterThan(3);
      return;
    }
    // Still a member: then still an admin in full, who can be demoted and promoted, which a closed seat refuses.
    const set = (roleId: string) =>
      suite.api.bindings.setOrganizationRole({ organizationId, memberId: second.memberId, roleId }, { as: admin.as });
    await eventually(
      async () => {
        await set(BUILT_IN_ROLE_IDS.ORGANIZATION_USER);
        await set(BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN);
      },
      { timeoutMs: 60_000, intervalMs: 500 },
    );
  }
  throw new Error(`still a member after ${MOST_STEPS} steps`);
});
