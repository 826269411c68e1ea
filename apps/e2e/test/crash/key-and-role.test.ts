import { createHash, randomBytes } from 'node:crypto';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { keyV1 } from '@latchkey/proto';
import { newMember, type TestMember } from '@latchkey/testing';
import { CrashSuite } from './crash-suite';

jest.setTimeout(600_000);
const { ALLOWED, KEY_REVOKED, LEGACY_KEY_SUNSET } = keyV1.DecisionReason;
const unique = (): string => randomBytes(8).toString('hex');

let crash: CrashSuite;
afterEach(() => crash?.suite.stop(), 60_000);

const reasonOf = async (secret: string): Promise<keyV1.DecisionReason> => {
  const question = { key: secret, permission: 'runs:read', workspaceId: crash.tenant.workspaceId };
  return (await crash.suite.api.authorization.authorize(question)).reason;
};

test('key: killed between any two steps of CreateServiceKey, ImportLegacyKeys and DeleteServiceKey, the repeat finishes the job', async () => {
  crash = await CrashSuite.start('key');
  const { api } = crash.suite;
  const { organizationId, workspaceId, admin } = crash.tenant;
  const as = admin.as;
  const rolesOf = async (principalId: string | undefined): Promise<number | undefined> => {
    const { binding } = await api.bindings.getBinding({ organizationId, principalId }, { as });
    return binding?.workspaceRoles.length;
  };

  let name = '';
  const created = await crash.killBetweenAnyTwoSteps(
    (requestId, options) => {
      const request = { organizationId, name, workspaceIds: [workspaceId], requestId };
      return api.serviceKeys.createServiceKey(request, { ...options, as });
    },
    async ({ key, secret, secretAlreadyShown }) => {
      expect(secretAlreadyShown).toBe(secret === '');
      if (secret) expect(await reasonOf(secret)).toBe(ALLOWED);
      const { keys } = await api.serviceKeys.listServiceKeys({ organizationId, pageSize: 200 }, { as });
      expect(keys.filter((listed) => listed.name === name).map(({ id }) => id)).toEqual([key?.id]);
      expect(await rolesOf(key?.serviceAccountId)).toBe(1);
    },
    () => {
      name = unique();
      return Promise.resolve();
    },
  );
  expect(created).toBeGreaterThanOrEqual(4);

  let old = '';
  const imported = await crash.killBetweenAnyTwoSteps(
    (requestId, options) => {
      const keys = [{ sha256: createHash('sha256').update(old).digest('hex'), name: 'old' }];
      return api.legacyKeys.importLegacyKeys({ organizationId, workspaceId, keys, requestId }, { ...options, as });
    },
    async ({ keyIds }) => {
      expect(await reasonOf(old)).toBe(LEGACY_KEY_SUNSET);
      const { key } = await api.serviceKeys.getServiceKey({ organizationId, keyId: keyIds[0] }, { as });
      expect(await rolesOf(key?.serviceAccountId)).toBe(1);
    },
    () => {
      old = `ls__${unique()}${unique()}`;
      return Promise.resolve();
    },
  );
  expect(imported).toBeGreaterThanOrEqual(4);

  let doomed: keyV1.CreateServiceKeyResponse;
  const deleted = await crash.killBetweenAnyTwoSteps(
    (requestId, options) =>
      api.serviceKeys.deleteServiceKey({ organizationId, keyId: doomed.key?.id, requestId }, { ...options, as }),
    async () => {
      expect(await reasonOf(doomed.secret)).toBe(KEY_REVOKED);
      await expect(rolesOf(doomed.key?.serviceAccountId)).rejects.toMatchObject({ reason: 'PRINCIPAL_NOT_FOUND' });
    },
    async () => {
      const request = { organizationId, name: 'doomed', workspaceIds: [workspaceId] };
      doomed = await api.serviceKeys.createServiceKey(request, { as });
    },
  );
  expect(deleted).toBeGreaterThanOrEqual(3);
});

test('role: killed between any two steps of AddWorkspaceMember, the repeat finishes the job', async () => {
  crash = await CrashSuite.start('role');
  const { api } = crash.suite;
  const { organizationId, workspaceId, admin } = crash.tenant;
  const roleId = BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER;
  let member: TestMember;
  const died = await crash.killBetweenAnyTwoSteps(
    (requestId, options) => {
      const request = { organizationId, workspaceId, memberId: member.memberId, roleId, requestId };
      return api.bindings.addWorkspaceMember(request, { ...options, as: admin.as });
    },
    ({ binding }) => {
      expect(binding?.workspaceRoles).toEqual([{ workspaceId, roleId }]);
      return Promise.resolve();
    },
    async () => {
      member = await newMember(api, crash.tenant);
    },
  );
  expect(died).toBeGreaterThanOrEqual(4);
});
