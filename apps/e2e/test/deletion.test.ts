import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { QUEUE_PREFIX, USER_DELETION_QUEUE } from '@latchkey/events';
import { identityV1, keyV1 } from '@latchkey/proto';
import {
  CallError,
  eventually,
  newMember,
  newTenant,
  newToken,
  readAllDocuments,
  startRedis,
  startTestSuite,
  type Tenant,
  type TestMember,
  type TestSuite,
} from '@latchkey/testing';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

const { ALLOWED, PRINCIPAL_REMOVED } = keyV1.DecisionReason;
/** Longer than the reconciler's patience and BullMQ's stall detection together, as this suite sets them. */
const PATIENCE = { timeoutMs: 60_000, intervalMs: 100 };
// Longer than that: a test that waits in vain then says for what, and closes what it has opened.
jest.setTimeout(120_000);

let suite: TestSuite;
beforeAll(async () => {
  suite = await startTestSuite({
    keyReplicas: 2,
    callers: ['stranger'],
    env: {
      identity: { LATCHKEY_DELETION_PENDING_TOO_LONG_MS: '2000' },
    },
  });
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

interface Doomed extends TestMember {
  tenant: Tenant;
  secrets: string[];
}

async function memberWithTokens(count: number): Promise<Doomed> {
  const tenant = await newTenant(suite.api);
  const member = await newMember(suite.api, tenant, { workspaceRoleId: BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR });
  const secrets: string[] = [];
  for (let i = 0; i < count; i++) secrets.push((await newToken(suite.api, tenant.organizationId, member.as)).secret);
  return { ...member, tenant, secrets };
}

const remove = async ({ tenant, memberId }: Doomed): Promise<string> => {
  const request = { organizationId: tenant.organizationId, memberId };
  return (await suite.api.members.removeMember(request, { as: tenant.admin.as })).deletionId;
};

async function reasonsEverywhere(tenant: Tenant, secret: string): Promise<keyV1.DecisionReason[]> {
  const request = { key: secret, permission: 'projects:read', workspaceId: tenant.workspaceId };
  const answers = await Promise.all(suite.api.authorizationReplicas.map((replica) => replica.authorize(request)));
  return answers.map((answer) => answer.reason);
}

async function expectRefusedEverywhere({ tenant, secrets }: Doomed): Promise<void> {
  for (const secret of secrets) {
    expect(await reasonsEverywhere(tenant, secret)).toEqual([PRINCIPAL_REMOVED, PRINCIPAL_REMOVED]);
  }
}

const readDeletion = async ({ tenant }: Doomed, deletionId: string): Promise<identityV1.Deletion | undefined> => {
  const request = { organizationId: tenant.organizationId, deletionId };
  return (await suite.api.deletions.getDeletion(request, { as: tenant.admin.as })).deletion;
};

async function completed(doomed: Doomed, deletionId: string): Promise<identityV1.Deletion> {
  return eventually(async () => {
    const deletion = await readDeletion(doomed, deletionId);
    if (deletion?.state !== identityV1.DeletionState.COMPLETED) throw new Error(`${deletionId} is ${deletion?.state}`);
    return deletion;
  }, PATIENCE);
}

async function liveTokensStored(memberId: string): Promise<number> {
  const stored = await readAllDocuments(suite.database.uri);
  return stored.filter(
    ({ database, document }) =>
      database === 'latchkey_key' && document.principalId === memberId && document.state === 'ACTIVE',
  ).length;
}

/** With the worker held: every token is still stored, and only the tombstone of its member can refuse it. */
async function whileWorkerIsHeld<T>(use: () => Promise<T>): Promise<T> {
  const { worker } = suite.processes;
  worker.signal('SIGSTOP');
  try {
    return await use();
  } finally {
    worker.signal('SIGCONT');
  }
}

const openQueue = (): Queue =>
  new Queue(USER_DELETION_QUEUE, { prefix: QUEUE_PREFIX, connection: { url: suite.redis.uri } });

test('user-deletion-revokes-tokens: refused on every replica when the call returns, then gone from the store', async () => {
  const doomed = await memberWithTokens(3);
  expect(await reasonsEverywhere(doomed.tenant, doomed.secrets[0] ?? '')).toEqual([ALLOWED, ALLOWED]);
  const deletionId = await whileWorkerIsHeld(async () => {
    const id = await remove(doomed);
    await expectRefusedEverywhere(doomed);
    expect(await liveTokensStored(doomed.memberId)).toBe(3);
    return id;
  });
  const deletion = await completed(doomed, deletionId);
  expect([deletion.tokensDeleted, deletion.rolesRemoved]).toEqual([3, 2]);
  expect(await liveTokensStored(doomed.memberId)).toBe(0);
  await expectRefusedEverywhere(doomed);
  const { organizationId, admin } = doomed.tenant;
  const binding = suite.api.bindings.getBinding({ organizationId, principalId: doomed.memberId }, { as: admin.as });
  await expect(binding).rejects.toMatchObject({ reason: 'PRINCIPAL_NOT_FOUND' });
});

test('deleting an account refuses the tokens of every membership at once', async () => {
  const doomed = await memberWithTokens(1);
  const elsewhere = await newTenant(suite.api);
  const { member } = await suite.api.members.addMember(
    { organizationId: elsewhere.organizationId, userId: doomed.userId },
    { as: elsewhere.admin.as },
  );
  const { secret } = await newToken(suite.api, elsewhere.organizationId, doomed.as);
  await whileWorkerIsHeld(async () => {
    const { deletionIds } = await suite.api.users.deleteUser({ userId: doomed.userId });
    expect(deletionIds).toHaveLength(2);
    await expectRefusedEverywhere(doomed);
    await expectRefusedEverywhere({ ...doomed, tenant: elsewhere, secrets: [secret] });
  });
  await eventually(async () => expect(await liveTokensStored(doomed.memberId)).toBe(0), PATIENCE);
  await eventually(async () => expect(await liveTokensStored(member?.id ?? '')).toBe(0), PATIENCE);
});

test('token-created-during-deletion: whatever the order, no token of a removed member lives', async () => {
  for (let round = 0; round < 5; round++) {
    const doomed = await memberWithTokens(0);
    const creations = Array.from({ length: 6 }, () =>
      newToken(suite.api, doomed.tenant.organizationId, doomed.as).then(
        ({ secret }) => secret,
        (error: unknown) => {
          if (error instanceof CallError && error.code === 'NOT_FOUND') return undefined;
          throw error;
        },
      ),
    );
    const deletionId = await remove(doomed);
    const secrets = (await Promise.all(creations)).filter((secret) => secret !== undefined);
    await expectRefusedEverywhere({ ...doomed, secrets });
    await completed(doomed, deletionId);
    expect(await liveTokensStored(doomed.memberId)).toBe(0);
  }
});

test('worker-killed-mid-job: the job is taken up again and finishes', async () => {
  const { worker, role } = suite.processes;
  const doomed = await memberWithTokens(2);
  const queue = openQueue();
  worker.signal('SIGSTOP');
  let deletionId: string;
  try {
    deletionId = await remove(doomed);
    // The worker finds its second dependency frozen, and is killed while it waits: in the middle of its job, with the
    // tokens deleted and nobody told how many there were.
    role.signal('SIGSTOP');
    worker.signal('SIGCONT');
    await eventually(async () => {
      expect(await liveTokensStored(doomed.memberId)).toBe(0);
      const active = await queue.getActive();
      expect(active.map((job) => job.id)).toContain(`ud-${deletionId}`);
    }, PATIENCE);
    await worker.kill();
  } finally {
    role.signal('SIGCONT');
    await queue.close();
  }
  await expectRefusedEverywhere(doomed);
  await worker.restart();
  const deletion = await completed(doomed, deletionId);
  expect([deletion.tokensDeleted, deletion.rolesRemoved]).toEqual([2, 2]);
});

test('redis-flushed-during-deletion: the reconciler puts the job back', async () => {
  const { worker } = suite.processes;
  const doomed = await memberWithTokens(2);
  const redis = new Redis(suite.redis.uri);
  await worker.stop();
  try {
    const deletionId = await remove(doomed);
    await eventually(
      async () => expect(await redis.keys(`${QUEUE_PREFIX}:*${deletionId}*`)).not.toHaveLength(0),
      PATIENCE,
    );
    await redis.flushall();
    await expectRefusedEverywhere(doomed);
    await worker.restart();
    const deletion = await completed(doomed, deletionId);
    expect(deletion.attempts).toBeGreaterThan(1);
    expect(await liveTokensStored(doomed.memberId)).toBe(0);
  } finally {
    redis.disconnect();
    if (!worker.running) await worker.restart();
  }
});

test('redis-down-during-deletion: the call succeeds, the token is refused at once, the tokens go when Redis returns', async () => {
  const doomed = await memberWithTokens(2);
  await suite.redis.stop();
  const deletionId = await remove(doomed);
  await expectRefusedEverywhere(doomed);
  expect((await readDeletion(doomed, deletionId))?.state).toBe(identityV1.DeletionState.PENDING);
  const port = Number(new URL(suite.redis.uri).port);
  const again = await startRedis({ dir: `${suite.dir}/redis`, port, log: (line) => suite.lines.push(line) });
  Object.assign(suite.redis, { stop: () => again.stop() });
  await completed(doomed, deletionId);
  expect(await liveTokensStored(doomed.memberId)).toBe(0);
});

test('duplicate-and-late-events-change-nothing', async () => {
  const doomed = await memberWithTokens(1);
  const deletionId = await remove(doomed);
  const first = await completed(doomed, deletionId);
  // The same person is a member again when the late events arrive.
  const { organizationId, admin } = doomed.tenant;
  const { member } = await suite.api.members.addMember({ organizationId, userId: doomed.userId }, { as: admin.as });
  const rejoined = await newToken(suite.api, organizationId, doomed.as);
  const payload = { deletionId, organizationId, memberId: doomed.memberId };
  const queue = openQueue();
  try {
    for (const late of [1, 2, 3])
      await queue.add('late', payload, { jobId: `late-${deletionId}-${late}`, removeOnComplete: true });
    await eventually(async () => {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
      expect(counts).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
    }, PATIENCE);
  } finally {
    await queue.close();
  }
  expect(await readDeletion(doomed, deletionId)).toEqual(first);
  const answer = await suite.api.authorization.authorize({
    key: rejoined.secret,
    permission: 'organization:read',
    organizationId,
  });
  expect([answer.reason, answer.principal?.principalId]).toEqual([ALLOWED, member?.id]);
});

test('a payload that cannot be read goes to the dead-letter set, and nowhere else', async () => {
  const queue = openQueue();
  try {
    await queue.add('bad', { deletionId: 'not an id' }, { jobId: 'bad-payload', attempts: 5 });
    await eventually(async () => {
      const job = await queue.getJob('bad-payload');
      expect(await job?.getState()).toBe('failed');
      expect(job?.attemptsMade).toBe(1);
    }, PATIENCE);
    await (await queue.getJob('bad-payload'))?.remove();
  } finally {
    await queue.close();
  }
});

test('a job that failed for good does not stand in the way: the reconciler adds another', async () => {
  const doomed = await memberWithTokens(1);
  const queue = openQueue();
  try {
    const { deletionId, job } = await whileWorkerIsHeld(async () => {
      const id = await remove(doomed);
      const added = await eventually(async () => {
        const found = await queue.getJob(`ud-${id}`);
        if (!found) throw new Error(`there is no job of ${id} yet`);
        return found;
      }, PATIENCE);
      await added.updateData({});
      return { deletionId: id, job: added };
    });
    const deletion = await completed(doomed, deletionId);
    expect(await job.getState()).toBe('failed');
    expect(deletion.attempts).toBeGreaterThan(1);
    await job.remove();
  } finally {
    await queue.close();
  }
});

test('service-keys-survive-their-creator', async () => {
  const doomed = await memberWithTokens(0);
  const { organizationId, workspaceId, admin } = doomed.tenant;
  await suite.api.bindings.setWorkspaceRole(
    { organizationId, workspaceId, memberId: doomed.memberId, roleId: BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN },
    { as: admin.as },
  );
  const created = await suite.api.serviceKeys.createServiceKey(
    { organizationId, name: 'bot', workspaceIds: [workspaceId] },
    { as: doomed.as },
  );
  await completed(doomed, await remove(doomed));
  expect(await reasonsEverywhere(doomed.tenant, created.secret)).toEqual([ALLOWED, ALLOWED]);
});

test('rejoined-member-has-no-old-token', async () => {
  const doomed = await memberWithTokens(1);
  const { organizationId, admin } = doomed.tenant;
  const deletionId = await whileWorkerIsHeld(async () => {
    const id = await remove(doomed);
    const again = await suite.api.members.addMember({ organizationId, userId: doomed.userId }, { as: admin.as });
    expect(again.member?.id).not.toBe(doomed.memberId);
    await expectRefusedEverywhere(doomed);
    return id;
  });
  await completed(doomed, deletionId);
  await expectRefusedEverywhere(doomed);
  const { tokens } = await suite.api.tokens.listPersonalTokens({ organizationId }, { as: doomed.as });
  expect(tokens).toEqual([]);
});
