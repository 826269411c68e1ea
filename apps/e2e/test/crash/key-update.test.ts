import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { keyV1 } from '@latchkey/proto';
import { eventually } from '@latchkey/testing';
import { CrashSuite, MOST_STEPS } from './crash-suite';

jest.setTimeout(600_000);
const { ALLOWED, PERMISSION_MISSING } = keyV1.DecisionReason;
const { WORKSPACE_VIEWER } = BUILT_IN_ROLE_IDS;

let crash: CrashSuite;
afterEach(() => crash?.suite.stop(), 60_000);

const reasonOf = async (secret: string, permission: string): Promise<keyV1.DecisionReason> => {
  const question = { key: secret, permission, workspaceId: crash.tenant.workspaceId };
  return (await crash.suite.api.authorization.authorize(question)).reason;
};

async function newServiceKey(): Promise<{ keyId: string; secret: string }> {
  const { organizationId, workspaceId, admin } = crash.tenant;
  const request = { organizationId, name: 'bot', workspaceIds: [workspaceId] };
  const { key, secret } = await crash.suite.api.serviceKeys.createServiceKey(request, { as: admin.as });
  return { keyId: key?.id ?? '', secret };
}

const narrow = (keyId: string, requestId: string, options: { timeoutMs?: number }) => {
  const { organizationId, admin } = crash.tenant;
  const request = { organizationId, keyId, roleId: WORKSPACE_VIEWER, name: 'reader', requestId };
  return crash.suite.api.serviceKeys.updateServiceKey(request, { ...options, as: admin.as });
};

test.each(['key', 'role'] as const)(
  '%s: killed between any two steps of UpdateServiceKey, the repeat finishes the job and the key has lost what it is to lose',
  async (app) => {
    crash = await CrashSuite.start(app);
    let subject = { keyId: '', secret: '' };
    const died = await crash.killBetweenAnyTwoSteps(
      (requestId, options) => narrow(subject.keyId, requestId, options),
      async ({ key }) => {
        expect([key?.id, key?.roleId, key?.name]).toEqual([subject.keyId, WORKSPACE_VIEWER, 'reader']);
        expect(await reasonOf(subject.secret, 'runs:read')).toBe(ALLOWED);
        expect(await reasonOf(subject.secret, 'runs:create')).toBe(PERMISSION_MISSING);
      },
      async () => {
        subject = await newServiceKey();
      },
    );
    expect(died).toBeGreaterThanOrEqual(app === 'key' ? 4 : 2);
  },
);

test('killed in the middle of UpdateServiceKey, and never asked again: the outbox finishes it, or nothing has changed', async () => {
  crash = await CrashSuite.start('key');
  const { api } = crash.suite;
  const { organizationId, admin } = crash.tenant;
  const env = { LATCHKEY_FOLLOW_UP_DELAY_MS: '500' };
  await crash.suite.processes.key.restart({ env });
  let finished = 0;
  for (let step = 1; step <= MOST_STEPS; step++) {
    const { keyId, secret } = await eventually(newServiceKey, { timeoutMs: 60_000 });
    if ((await crash.killAt(step, () => narrow(keyId, '', { timeoutMs: 10_000 }), env)) !== 'died') break;
    // Either way the key says what it may: never the new role with the old power, once nothing is under way any more.
    await eventually(
      async () => {
        const { key } = await api.serviceKeys.getServiceKey({ organizationId, keyId }, { as: admin.as });
        const narrowed = (await reasonOf(secret, 'runs:create')) === PERMISSION_MISSING;
        expect([key?.roleId === WORKSPACE_VIEWER, key?.name]).toEqual([narrowed, narrowed ? 'reader' : 'bot']);
        // Committed intents count their version up, and then must end.
        expect(narrowed).toBe(key?.etag !== '0');
        if (narrowed) finished += 1;
      },
      { timeoutMs: 60_000 },
    );
  }
  expect(finished).toBeGreaterThanOrEqual(3);
});
