import { readFileSync } from 'node:fs';
import {
  type As,
  CallError,
  eventually,
  newTenant,
  newToken,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

// identity and role ask the SDK who may call them, as anybody else's services do.

jest.setTimeout(120_000);

let suite: TestSuite;
let tenant: Tenant;
let actors: As[];
beforeAll(async () => {
  suite = await startTestSuite({ env: { all: { LATCHKEY_LOG_LEVEL: 'debug' } } });
  tenant = await newTenant(suite.api);
  const { secret } = await newToken(suite.api, tenant.organizationId, tenant.admin.as);
  actors = [tenant.admin.as, { key: secret }];
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

/** One guarded call of each service by each actor, none of which needs key for anything but the guard: what came of them. */
async function guardedCalls(): Promise<string[]> {
  const { organizationId, workspaceId } = tenant;
  const calls = actors.flatMap((as) => [
    suite.api.workspaces.getWorkspace({ organizationId, workspaceId }, { as, timeoutMs: 5_000 }),
    suite.api.roles.listRoles({ organizationId }, { as, timeoutMs: 5_000 }),
  ]);
  const outcomes = await Promise.allSettled(calls);
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return 'answered';
    return outcome.reason instanceof CallError ? outcome.reason.code : String(outcome.reason);
  });
}

const all = (outcome: string): string[] => Array.from({ length: 4 }, () => outcome);

test('identity and role guard their RPCs from memory: without key within the sub-lease, and after it nobody is let in', async () => {
  for (const { logFile } of [suite.processes.identity, suite.processes.role]) {
    await eventually(() => expect(readFileSync(logFile, 'utf8')).toContain('"change":"leased"'), { timeoutMs: 20_000 });
  }
  // What they have not been asked yet they have to read; then they know it.
  expect(await guardedCalls()).toEqual(all('answered'));

  await suite.processes.key.kill();
  for (let round = 0; round < 10; round++) expect(await guardedCalls()).toEqual(all('answered'));

  // Fails closed, with what says that a repeat may help.
  await eventually(async () => expect(await guardedCalls()).toEqual(all('UNAVAILABLE')), { timeoutMs: 20_000 });
  for (let round = 0; round < 3; round++) expect(await guardedCalls()).toEqual(all('UNAVAILABLE'));

  await suite.processes.key.restart();
  await eventually(async () => expect(await guardedCalls()).toEqual(all('answered')), { timeoutMs: 30_000 });
});
