import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectLatchkey, type LatchkeyClient, LatchkeyError, type Question } from '@latchkey/client';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { newSecret, RANDOM_BYTES } from '@latchkey/facts';
import {
  eventually,
  newMember,
  newTenant,
  newToken,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

jest.setTimeout(120_000);

let suite: TestSuite;
const opened: LatchkeyClient[] = [];
beforeAll(async () => {
  suite = await startTestSuite({ keyReplicas: 2, env: { all: { LATCHKEY_USAGE_FLUSH_MS: '1000' } } });
}, 120_000);
afterEach(async () => {
  await Promise.all(opened.splice(0).map((client) => client.close()));
});
afterAll(() => suite?.stop(), 60_000);

/** An SDK client of the first replica of key, with a lease. */
async function newClient(address = suite.addresses.key): Promise<LatchkeyClient> {
  const client = connectLatchkey({ address, tls: suite.tls() });
  opened.push(client);
  await client.ready(20_000);
  return client;
}

interface Holder {
  readonly tenant: Tenant;
  readonly memberId: string;
  readonly question: Question;
}

async function newHolder(): Promise<Holder> {
  const tenant = await newTenant(suite.api);
  const { memberId, as } = await newMember(suite.api, tenant, { workspaceRoleId: BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR });
  const { secret } = await newToken(suite.api, tenant.organizationId, as);
  return { tenant, memberId, question: { key: secret, permission: 'projects:read', workspaceId: tenant.workspaceId } };
}

const removeMember = async ({ tenant: { organizationId, admin }, memberId }: Holder): Promise<void> => {
  await suite.api.members.removeMember({ organizationId, memberId }, { as: admin.as });
};

describe('the SDK answers from memory', () => {
  it('decides as the server does, and without it once it knows the facts', async () => {
    const client = await newClient();
    const { question, tenant, memberId } = await newHolder();
    const first = await client.authorize(question);
    expect(first).toMatchObject({ allowed: true, reason: 'ALLOWED', source: 'memory' });
    expect(first.principal).toMatchObject({ organizationId: tenant.organizationId, principalId: memberId });
    for (const [permission, reason] of [
      ['projects:read', 'ALLOWED'],
      ['workspaces:manage', 'PERMISSION_MISSING'],
      ['projects:fly', 'UNKNOWN_PERMISSION'],
    ] as const) {
      expect(await client.authorize({ ...question, permission })).toMatchObject({ reason, source: 'memory' });
    }
    expect(await client.authorize({ ...question, key: 'nonsense' })).toMatchObject({ reason: 'MALFORMED_KEY' });
  });

  it('answers a batch in order, and refuses a malformed question by itself', async () => {
    const client = await newClient();
    const { question } = await newHolder();
    const results = await client.authorizeBatch([
      question,
      { ...question, permission: '' },
      { ...question, permission: 'workspaces:manage' },
    ]);
    expect(results).toMatchObject([
      { ok: true, decision: { reason: 'ALLOWED' } },
      { ok: false, error: { code: 'INVALID_ARGUMENT', violations: [{ field: 'permission' }] } },
      { ok: true, decision: { reason: 'PERMISSION_MISSING' } },
    ]);
  });
});

test('the SDK remembers no more than it was told to, and unknown keys push out none that are known', async () => {
  const [tenant, roomy] = [await newTenant(suite.api), await newClient()];
  const small = connectLatchkey({
    address: suite.addresses.key,
    tls: suite.tls(),
    memory: { entitiesPerKind: 4, unknown: 20 },
  });
  opened.push(small);
  await small.ready(20_000);
  const where = { permission: 'projects:read', workspaceId: tenant.workspaceId };
  const secrets = [];
  for (let count = 0; count < 8; count++) {
    secrets.push((await newToken(suite.api, tenant.organizationId, tenant.admin.as)).secret);
  }
  /** Of each key, whether anything had to be read for it: the ids of decisions say so. */
  const asked = async (client: LatchkeyClient, keys: readonly string[], reason: string): Promise<string> => {
    const hows = [];
    for (const key of keys) {
      const decision = await client.authorize({ ...where, key });
      expect(decision).toMatchObject({ reason, source: 'memory' });
      hows.push(decision.decisionId.at(-1));
    }
    return hows.join('');
  };
  for (const client of [roomy, small]) await asked(client, secrets, 'ALLOWED');
  expect(await asked(roomy, secrets, 'ALLOWED')).toBe('mmmmmmmm');
  expect(await asked(small, secrets, 'ALLOWED')).toContain('r');

  const few = secrets.slice(0, 3);
  await asked(small, few, 'ALLOWED');
  const unknown = Array.from({ length: 100 }, () => newSecret('lk', 'PERSONAL', randomBytes(RANDOM_BYTES)));
  await asked(small, unknown, 'UNKNOWN_KEY');
  expect(await asked(small, few, 'ALLOWED')).toBe('mmm');
  // Of the unknown ones it knows the last twenty, and had to forget the first.
  expect(await asked(small, unknown.slice(-20), 'UNKNOWN_KEY')).toBe('m'.repeat(20));
  expect(await asked(small, unknown.slice(0, 20), 'UNKNOWN_KEY')).toBe('r'.repeat(20));
});

describe('the SDK never says yes after a revocation was acknowledged', () => {
  it('refuses the very next question after a member was removed, in every client', async () => {
    const clients = [await newClient(), await newClient(suite.addresses.key2)];
    for (let round = 0; round < 5; round++) {
      const holder = await newHolder();
      for (const client of clients) {
        expect(await client.authorize(holder.question)).toMatchObject({ allowed: true, source: 'memory' });
      }
      await removeMember(holder);
      const answers = await Promise.all(clients.map((client) => client.authorize(holder.question)));
      expect(answers).toMatchObject(clients.map(() => ({ reason: 'PRINCIPAL_REMOVED', source: 'memory' })));
    }
  });

  it('refuses it too when the client has lost its replica, and waits for no one who has closed', async () => {
    const client = await newClient(suite.addresses.key2);
    const holder = await newHolder();
    expect(await client.authorize(holder.question)).toMatchObject({ allowed: true, source: 'memory' });
    const closing = await newClient();
    await closing.authorize(holder.question);
    await closing.close();
    suite.processes.key2?.signal('SIGSTOP');
    try {
      await removeMember(holder);
      // Frozen with its sub-lease over: nobody says yes. It is still connected, so as far as anybody can know it is slow.
      await expect(client.authorize(holder.question, { deadlineMs: 500 })).rejects.toMatchObject({
        name: 'LatchkeyError',
        code: 'DEADLINE_EXCEEDED',
      });
    } finally {
      suite.processes.key2?.signal('SIGCONT');
    }
    await eventually(async () => expect((await client.authorize(holder.question)).reason).toBe('PRINCIPAL_REMOVED'), {
      timeoutMs: 20_000,
    });
  });
});

test('a key that was used through the SDK shows when', async () => {
  const client = await newClient();
  const tenant = await newTenant(suite.api);
  const { organizationId, admin } = tenant;
  const { id, secret } = await newToken(suite.api, organizationId, admin.as);
  const before = Math.floor(Date.now() / 60_000) * 60_000;
  await client.authorize({ key: secret, permission: 'projects:read', workspaceId: tenant.workspaceId });
  // Reported every half minute, and at the end.
  await client.close();
  await eventually(async () => {
    const { token } = await suite.api.tokens.getPersonalToken({ organizationId, tokenId: id }, { as: admin.as });
    expect(token?.lastUsedTime?.getTime()).toBeGreaterThanOrEqual(before);
  });
});

test('an answer takes one deadline, whoever gives it: what memory waited is not waited again', async () => {
  const client = await newClient();
  const { question } = await newHolder();
  const late = new LatchkeyError({ code: 'UNAVAILABLE', reason: 'FACTS_UNREADABLE', message: 'not now' });
  const judgeKey = async () => {
    await sleep(200);
    throw late;
  };
  jest.spyOn(client, 'judge', 'get').mockReturnValue({ ...client.judge, judgeKey });
  const asked = jest.spyOn(client.authorization, 'authorize');
  const answer = client.authorize(question, { deadlineMs: 5_000 });
  const latest = Date.now() + 5_000;
  expect(await answer).toMatchObject({ allowed: true, source: 'server' });
  expect(asked.mock.calls[0]?.[1].deadline).toBeLessThanOrEqual(latest);
});

test('a question that is given up is CANCELLED while memory waits for a fact, too', async () => {
  const client = await newClient();
  const { question } = await newHolder();
  const never = new Promise<never>(() => undefined);
  jest.spyOn(client, 'judge', 'get').mockReturnValue({ ...client.judge, judgeKey: () => never });
  const cancelled = { name: 'LatchkeyError', code: 'CANCELLED' };
  // Not at the deadline, which is longer than this test may take.
  const before = { deadlineMs: 600_000, signal: AbortSignal.abort() };
  await expect(client.authorize(question, before)).rejects.toMatchObject(cancelled);
  const givenUp = new AbortController();
  const answer = client.authorize(question, { signal: givenUp.signal });
  givenUp.abort();
  await expect(answer).rejects.toMatchObject(cancelled);
}, 20_000);

describe('the SDK fails closed', () => {
  it('with a typed error and a retry hint, without a lease and without a server', async () => {
    const client = connectLatchkey({ address: 'localhost:1', tls: suite.tls(), deadlineMs: 1_000 });
    opened.push(client);
    const { question } = await newHolder();
    const unavailable = { name: 'LatchkeyError', code: 'UNAVAILABLE', retryAfterMs: 500 };
    // Time for every attempt, and for none.
    await expect(client.authorize(question)).rejects.toMatchObject(unavailable);
    await expect(client.authorize(question, { deadlineMs: 20 })).rejects.toMatchObject(unavailable);
    await expect(client.ready(100)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 200 });
  });

  it('asks the server while it has no lease', async () => {
    const { question } = await newHolder();
    const client = connectLatchkey({ address: suite.addresses.key, tls: suite.tls() });
    opened.push(client);
    expect(await client.authorize(question)).toMatchObject({ allowed: true, source: 'server' });
    await client.ready(20_000);
    expect(await client.authorize(question)).toMatchObject({ allowed: true, source: 'memory' });
  });
});
