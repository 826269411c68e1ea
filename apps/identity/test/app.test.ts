import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityV1 } from '@latchkey/proto';
import { createLogger } from '@latchkey/service';
import { type Api, createPki, type Engine, freePort, openApi, type Pki, startDatabase } from '@latchkey/testing';
import { type IdentityApp, startIdentityApp } from '../src/app';
import { newId } from './world';

// The real server over mTLS. Neither Redis nor role nor key is there: what needs none of them must work.
const dir = mkdtempSync(join(tmpdir(), 'latchkey-identity-app-'));
let database: Engine;
let app: IdentityApp;
let pki: Pki;
const apis: Api[] = [];

beforeAll(async () => {
  database = await startDatabase({ dir: join(dir, 'database'), log: () => undefined });
  pki = await createPki(join(dir, 'tls'), ['identity', 'ops', 'key', 'stranger']);
  const nobody = `localhost:${await freePort()}`;
  app = await startIdentityApp(
    {
      leaseMs: 5_000,
      dataDir: undefined,
      listen: 'localhost:0',
      mongoUri: database.uri,
      redisUrl: `redis://127.0.0.1:${await freePort()}`,
      tls: pki.files('identity'),
      roleAddress: nobody,
      keyAddress: nobody,
      frontEnds: ['ops'],
      deletionPendingTooLongMs: 30_000,
      followUpDelayMs: 15_000,
      seatClosingMs: 30_000,
      logLevel: 'silent',
    },
    { log: createLogger({ name: 'identity', level: 'silent' }) },
  );
});
afterAll(async () => {
  apis.forEach((api) => api.close());
  await app.stop();
  await database.stop();
  rmSync(dir, { recursive: true, force: true });
});

const as = (caller: string): Api => {
  const identity = { address: `localhost:${app.port}` };
  const api = openApi({ identity, role: identity, key: identity, tls: pki.files(caller) });
  apis.push(api);
  return api;
};

test('accounts need nothing but the database', async () => {
  const { users } = as('ops');
  const email = `${newId('user')}@example.com`;
  const { user } = await users.createUser({ email, displayName: 'Ada' });
  expect(await users.getUser({}, { as: { user: user?.id ?? '' } })).toEqual({ user });
  expect(await users.deleteUser({ userId: user?.id ?? '' })).toEqual({ deletionIds: [] });
  await expect(users.getUser({}, { as: { user: user?.id ?? '' } })).rejects.toMatchObject({ reason: 'USER_NOT_FOUND' });
});

test('facts are for key and role alone; what is absent is an answer', async () => {
  const memberId = newId('mem');
  expect(await as('key').identityFacts.getMemberFact({ memberId })).toEqual({ fact: undefined });
  const refused = as('ops').identityFacts.getMemberFact({ memberId });
  await expect(refused).rejects.toMatchObject({ code: 'PERMISSION_DENIED', reason: 'CALLER_NOT_ALLOWED' });
});

test('only a front end creates accounts and asserts people', async () => {
  const api = as('stranger');
  const create = api.users.createUser({ email: 'ada@example.com' });
  await expect(create).rejects.toMatchObject({ reason: 'CALLER_NOT_ALLOWED' });
  const found = api.organizations.createOrganization({ displayName: 'Acme' }, { as: { user: newId('user') } });
  await expect(found).rejects.toMatchObject({ reason: 'CALLER_NOT_FRONT_END' });
});

test('without role and key nothing is allowed and nothing becomes active: UNAVAILABLE, with a hint when to repeat', async () => {
  const api = as('ops');
  const { user } = await api.users.createUser({ email: `${newId('user')}@example.com` });
  const me = { as: { user: user?.id ?? '' }, timeoutMs: 8_000 };
  const founding = api.organizations.createOrganization({ displayName: 'Acme' }, me);
  await expect(founding).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: expect.any(Number) as number });
  expect((await api.organizations.listOrganizations({}, me)).organizations).toEqual([]);
  const reading = api.workspaces.listWorkspaces({ organizationId: newId('org') }, me);
  await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('malformed fields are named before anybody is asked', async () => {
  const adding = as('ops').members.addMember(
    { organizationId: 'x', userId: 'y', workspaceRoles: [identityV1.WorkspaceRole.fromPartial({})] },
    { as: { user: newId('user') } },
  );
  const fields = await adding.catch((error: { violations: { field: string }[] }) =>
    error.violations.map((v) => v.field),
  );
  expect(fields).toEqual(expect.arrayContaining(['organization_id', 'user_id', 'workspace_roles[0].role_id']));
});
