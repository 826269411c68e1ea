import { randomBytes } from 'node:crypto';
import { newSecret } from '@latchkey/facts';
import { keyV1 } from '@latchkey/proto';
import {
  type Api,
  type As,
  type CallError,
  eventually,
  newMember,
  newTenant,
  newToken,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

const { ALLOWED, UNKNOWN_KEY } = keyV1.DecisionReason;
const BURST = 100;
const MINUTE = 60_000;

let suite: TestSuite;
let tenant: Tenant;
let live: string;
beforeAll(async () => {
  suite = await startTestSuite({
    callers: ['web', 'mobile'],
    checkers: ['ops', 'web', 'mobile'],
    frontEnds: ['ops', 'web'],
    env: {
      key: {
        LATCHKEY_MISSES_PER_SECOND: '1',
        LATCHKEY_MISSES_BURST: String(BURST),
        LATCHKEY_USAGE_FLUSH_MS: '200',
      },
    },
  });
  tenant = await newTenant(suite.api);
  live = (await newToken(suite.api, tenant.organizationId, tenant.admin.as)).secret;
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

const invented = () => newSecret('lk', 'PERSONAL', randomBytes(32));
const check = (api: Api, key: string) =>
  api.authorization.authorize({ key, permission: 'runs:read', workspaceId: tenant.workspaceId });

/** Calls with keys that nobody has, until the caller has used up what it may have looked up. */
async function untilLimited(call: (key: string) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 3 * BURST; i += 20) {
    const calls = await Promise.allSettled(Array.from({ length: 20 }, () => call(invented())));
    const refusals = calls.flatMap((each) => (each.status === 'rejected' ? [each.reason as CallError] : []));
    const limited = refusals.find(({ reason }) => reason === 'TOO_MANY_MISSES');
    if (limited) return expect(limited).toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryAfterMs: 1_000 });
  }
  throw new Error('it may have any number of keys looked up');
}

test('last-used-time-is-shown, by the minute, and a process that stops in order loses none', async () => {
  const { api, processes } = suite;
  const { organizationId, workspaceId, admin } = tenant;
  const bot = { organizationId, name: 'bot', workspaceIds: [workspaceId] };
  const { key, secret } = await api.serviceKeys.createServiceKey(bot, { as: admin.as });
  const shown = async () => {
    const found = await api.serviceKeys.getServiceKey({ organizationId, keyId: key?.id }, { as: admin.as });
    const { keys } = await api.serviceKeys.listServiceKeys({ organizationId }, { as: admin.as });
    expect(keys.find(({ id }) => id === key?.id)).toEqual(found.key);
    return found.key;
  };
  expect((await shown())?.lastUsedTime).toBeUndefined();
  const start = Date.now();
  await check(api, secret);
  const { etag } = await eventually(async () => {
    const now = await shown();
    expect(now?.lastUsedTime?.getTime()).toBeGreaterThan(start - MINUTE);
    expect((now?.lastUsedTime?.getTime() ?? NaN) % MINUTE).toBe(0);
    return { etag: now?.etag };
  });
  expect(etag).toBe(key?.etag);

  await processes.key.restart({ env: { LATCHKEY_USAGE_FLUSH_MS: '600000' } });
  await check(api, live);
  await processes.key.restart();
  const { tokens } = await api.tokens.listPersonalTokens({ organizationId }, { as: admin.as });
  expect(tokens[0]?.lastUsedTime?.getTime()).toBeGreaterThan(start - MINUTE);
});

test('flooded-caller-is-limited-alone: it keeps what memory answers, and nobody else notices', async () => {
  const web = suite.apiAs('web');
  const question = { permission: 'runs:read', workspaceId: tenant.workspaceId, organizationId: '' };
  const askTogether = (key: string) =>
    web.authorization.batchAuthorize({ checks: [live, key].map((each) => ({ key: each, ...question })) });
  expect((await check(web, live)).reason).toBe(ALLOWED);
  await untilLimited((key) => check(web, key));
  await untilLimited((key) => web.authorization.introspectKey({ key }));
  await untilLimited(askTogether);

  for (let i = 0; i < 50; i++) expect((await check(web, live)).reason).toBe(ALLOWED);
  expect((await check(suite.apiAs('mobile'), invented())).reason).toBe(UNKNOWN_KEY);
});

test('invented-keys-lock-nobody-out of identity, role and key: those who sign in go on, and so do keys in memory', async () => {
  const { api } = suite;
  const { organizationId, admin } = tenant;
  const doors = {
    identity: (as: As) => api.workspaces.listWorkspaces({ organizationId }, { as }),
    role: (as: As) => api.roles.listRoles({ organizationId }, { as }),
    key: (as: As) => api.tokens.listPersonalTokens({ organizationId }, { as }),
  };
  for (const door of Object.values(doors)) {
    await door({ key: live });
    await untilLimited((key) => door({ key }));
    await door({ key: live });
  }
  // Of a newcomer nothing is in memory yet.
  const newcomer = await newMember(api, tenant);
  for (const door of Object.values(doors)) await door(newcomer.as);
  await newToken(api, organizationId, admin.as);
});
