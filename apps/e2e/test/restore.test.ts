import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keyV1 } from '@latchkey/proto';
import {
  eventually,
  newTenant,
  newToken,
  notServing,
  repositoryRoot,
  startTestSuite,
  type TestSuite,
} from '@latchkey/testing';
import mongoose from 'mongoose';

const LEASE_MS = 2_000;
/** For processes to start, on a machine that has much else to do. */
const PATIENCE = { timeoutMs: 60_000 };
const APPS = ['identity', 'role', 'key'] as const;

let suite: TestSuite;
let dataDir: string;
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'latchkey-data-'));
  const own = (app: string) => ({ LATCHKEY_DATA_DIR: join(dataDir, app) });
  suite = await startTestSuite({
    env: {
      all: { LATCHKEY_LEASE_MS: String(LEASE_MS) },
      identity: own('identity'),
      role: own('role'),
      key: own('key'),
    },
  });
}, 120_000);
afterAll(async () => {
  await suite?.stop();
  rmSync(dataDir, { recursive: true, force: true });
}, 60_000);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command as an operator runs it. */
async function latchkey(...args: string[]): Promise<Ended> {
  const main = join(repositoryRoot, 'apps/cli/dist/main.js');
  return await new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: {} }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const healths = () => Promise.all(APPS.map((app) => notServing(suite.addresses[app], suite.tls())));

test('an old backup, brought back while everything was stopped: every service stays NOT_SERVING and refuses changes until `latchkey restore`, and then serves without a restart', async () => {
  const { api, database, redis, processes } = suite;
  const tenant = await newTenant(api);
  const { organizationId } = tenant;
  const { secret } = await newToken(api, organizationId, tenant.admin.as);
  const check = () => api.authorization.authorize({ key: secret, permission: 'organization:read', organizationId });
  const change = () => api.workspaces.createWorkspace({ organizationId, name: 'another' }, { as: tenant.admin.as });
  await expect(check()).resolves.toMatchObject({ reason: keyV1.DecisionReason.ALLOWED });
  const connection = await mongoose.createConnection(database.uri, { dbName: 'latchkey_coherence' }).asPromise();
  const epochs = connection.collection('epochs');
  const backup = await epochs.findOne({});
  if (!backup) throw new Error('there is no epoch document');
  await newTenant(api);

  for (const app of [...APPS].reverse()) await processes[app].stop();
  await epochs.replaceOne({ _id: backup._id }, backup);
  await connection.close();
  for (const app of APPS) await processes[app].restart({ waitForServing: false });
  await eventually(async () => {
    for (const app of APPS) expect(processes[app].tail(100)).toContain('latchkey restore');
  }, PATIENCE);
  const end = performance.now() + 2 * LEASE_MS;
  while (performance.now() < end) {
    for (const health of await healths()) expect(health).toBeDefined();
    await sleep(200);
  }
  await expect(check()).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'NO_LEASE' });
  await expect(api.users.createUser({ email: 'new@example.com', displayName: 'New' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'EPOCH_BEHIND',
  });

  const done = await latchkey('restore', '--mongo-uri', database.uri, '--redis-url', redis.uri, '--lease-ms', '2000');
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout).toContain('Done');
  await eventually(async () => expect(await healths()).toEqual([undefined, undefined, undefined]), PATIENCE);
  await eventually(async () => expect(await check()).toMatchObject({ reason: keyV1.DecisionReason.ALLOWED }));
  await eventually(change);
}, 240_000);

test('`latchkey restore` that cannot do its work ends with a sentence and exit code 1', async () => {
  const wrong = await latchkey('restore', '--mongo-uri', 'http://nowhere');
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
  expect(wrong.stderr).toContain('--mongo-uri: must begin with mongodb://');
  const unreachable = await latchkey('restore', '--mongo-uri', 'mongodb://someone:password@127.0.0.1:1/');
  expect(unreachable).toMatchObject({ code: 1 });
  expect(unreachable.stderr).toContain('127.0.0.1:1');
  expect(unreachable.stderr).not.toContain('password');
  expect(await latchkey('destroy')).toMatchObject({ code: 1 });
  expect(await latchkey('--help')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('--newer-than') as string,
  });
}, 60_000);
