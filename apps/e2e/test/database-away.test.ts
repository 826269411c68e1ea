import {
  CallError,
  eventually,
  linkToDatabase,
  type Link,
  newTenant,
  newToken,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

let suite: TestSuite;
let link: Link;
let tenant: Tenant;
beforeAll(async () => {
  suite = await startTestSuite();
  tenant = await newTenant(suite.api);
  link = await linkToDatabase(suite, 'key');
}, 120_000);
afterAll(async () => {
  link?.close();
  await suite?.stop();
}, 60_000);

const BACK_MS = 30_000;
const FAULT = { code: 'UNAVAILABLE', retryAfterMs: expect.any(Number) as number };

/** What a call is refused with; an answer is none. */
const refusal = async (call: Promise<unknown>): Promise<unknown> =>
  await call.then(
    (answer) => ({ answer }),
    (error: unknown) => (error instanceof CallError ? error : Promise.reject(error as Error)),
  );

test('the database of key away: checks go on inside the lease, then they are UNAVAILABLE; no change is acknowledged; back, without a restart, both are answered', async () => {
  const { api } = suite;
  const { organizationId, workspaceId, admin } = tenant;
  // key was just started anew: who asks it finds it again in a moment.
  const { id: tokenId, secret: key } = await eventually(() => newToken(api, organizationId, admin.as));
  const check = () => api.authorization.authorize({ key, permission: 'projects:read', workspaceId });
  const disable = () => api.tokens.disablePersonalToken({ organizationId, tokenId }, { as: admin.as });
  expect(await check()).toMatchObject({ allowed: true });

  link.set('blackHole');
  expect(await check()).toMatchObject({ allowed: true });
  const disabling = refusal(disable());
  await eventually(async () => expect(await refusal(check())).toMatchObject(FAULT), { timeoutMs: BACK_MS });
  expect(await disabling).toMatchObject({ code: expect.stringMatching(/^(UNAVAILABLE|DEADLINE_EXCEEDED)$/) as string });

  link.set('open');
  await eventually(async () => expect(await check()).toMatchObject({ allowed: true }), { timeoutMs: BACK_MS });
  await eventually(disable, { timeoutMs: BACK_MS });
  expect(await check()).toMatchObject({ allowed: false });
}, 120_000);
