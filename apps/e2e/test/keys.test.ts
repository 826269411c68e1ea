import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { keyV1, roleV1 } from '@latchkey/proto';
import {
  type Api,
  eventually,
  newMember,
  newTenant,
  newToken,
  newWorkspace,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

const { ALLOWED, KEY_DISABLED, KEY_REVOKED, KEY_ROTATED_OUT, MALFORMED_KEY, PERMISSION_MISSING, UNKNOWN_KEY } =
  keyV1.DecisionReason;
const { WORKSPACE_ADMIN, WORKSPACE_VIEWER } = BUILT_IN_ROLE_IDS;
const HOUR = { seconds: 3600n, nanos: 0 };

let suite: TestSuite;
let api: Api;
let tenant: Tenant;
beforeAll(async () => {
  suite = await startTestSuite({ keyReplicas: 2 });
  ({ api } = suite);
  tenant = await newTenant(api);
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

/** What every replica says, which must be the same. */
async function reasonOf(key: string, permission = 'runs:read', workspaceId = tenant.workspaceId) {
  const question = { key, permission, workspaceId };
  const answers = await Promise.all(api.authorizationReplicas.map((replica) => replica.authorize(question)));
  const [first, ...others] = answers.map(({ reason }) => reason);
  for (const other of others) expect(other).toBe(first);
  return first;
}

interface Key {
  id: string;
  secret: string;
}

async function newServiceKey(more: { roleId?: string; expireTime?: Date; workspaceIds?: string[] } = {}): Promise<Key> {
  const { organizationId, workspaceId, admin } = tenant;
  const request = { organizationId, name: 'bot', workspaceIds: [workspaceId], ...more };
  const { key, secret } = await api.serviceKeys.createServiceKey(request, { as: admin.as });
  return { id: key?.id ?? '', secret };
}

interface Shown {
  state: keyV1.KeyState;
  etag: string;
  rotateTime: Date | undefined;
  overlapEndTime: Date | undefined;
}

/** The two kinds, by what they have in common. */
const KINDS = {
  'personal token': {
    create: async (expireTime?: Date): Promise<Key> => {
      const { organizationId, admin } = tenant;
      const { token, secret } = await api.tokens.createPersonalToken(
        { organizationId, name: 'laptop', expireTime },
        { as: admin.as },
      );
      return { id: token?.id ?? '', secret };
    },
    disable: (tokenId: string) => api.tokens.disablePersonalToken({ ...own(), tokenId }, asAdmin()),
    enable: (tokenId: string) => api.tokens.enablePersonalToken({ ...own(), tokenId }, asAdmin()),
    rotate: (tokenId: string, overlap?: typeof HOUR, requestId = '') =>
      api.tokens.rotatePersonalToken({ ...own(), tokenId, overlap, requestId }, asAdmin()),
    remove: (tokenId: string) => api.tokens.deletePersonalToken({ ...own(), tokenId }, asAdmin()),
    get: async (tokenId: string): Promise<Shown | undefined> => {
      const { token } = await api.tokens.getPersonalToken({ ...own(), tokenId }, asAdmin());
      const { tokens } = await api.tokens.listPersonalTokens({ ...own(), pageSize: 200 }, asAdmin());
      expect(tokens.find(({ id }) => id === tokenId)).toEqual(token);
      return token;
    },
  },
  'service key': {
    create: (expireTime?: Date): Promise<Key> => newServiceKey({ ...(expireTime && { expireTime }) }),
    disable: (keyId: string) => api.serviceKeys.disableServiceKey({ ...own(), keyId }, asAdmin()),
    enable: (keyId: string) => api.serviceKeys.enableServiceKey({ ...own(), keyId }, asAdmin()),
    rotate: (keyId: string, overlap?: typeof HOUR, requestId = '') =>
      api.serviceKeys.rotateServiceKey({ ...own(), keyId, overlap, requestId }, asAdmin()),
    remove: (keyId: string) => api.serviceKeys.deleteServiceKey({ ...own(), keyId }, asAdmin()),
    get: async (keyId: string): Promise<Shown | undefined> => {
      const { key } = await api.serviceKeys.getServiceKey({ ...own(), keyId }, asAdmin());
      const { keys } = await api.serviceKeys.listServiceKeys({ ...own(), pageSize: 200 }, asAdmin());
      expect(keys.find(({ id }) => id === keyId)).toEqual(key);
      return key;
    },
  },
};
const own = () => ({ organizationId: tenant.organizationId });
const asAdmin = () => ({ as: tenant.admin.as });

describe.each(Object.entries(KINDS))('%s', (_name, kind) => {
  test('disabled-key-is-refused-at-once, and an enabled one works again at once', async () => {
    const { id, secret } = await kind.create();
    for (let round = 0; round < 3; round++) {
      expect(await reasonOf(secret)).toBe(ALLOWED);
      await kind.disable(id);
      expect(await reasonOf(secret)).toBe(KEY_DISABLED);
      await kind.disable(id);
      expect((await kind.get(id))?.state).toBe(keyV1.KeyState.DISABLED);
      await kind.enable(id);
      await kind.enable(id);
    }
    expect(await reasonOf(secret)).toBe(ALLOWED);
    // Six changes, and not one more for the repeats.
    expect(await kind.get(id)).toMatchObject({ state: keyV1.KeyState.ACTIVE, etag: '6' });
  });

  test('deleted-key-is-not-enabled, nor rotated', async () => {
    const { id, secret } = await kind.create();
    await kind.disable(id);
    await kind.remove(id);
    for (const revive of [kind.enable, kind.rotate, kind.disable]) {
      await expect(revive(id)).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'KEY_NOT_FOUND' });
    }
    expect(await reasonOf(secret)).toBe(KEY_REVOKED);
  });

  test('expired-key-gets-no-new-life', async () => {
    const { id, secret } = await kind.create(new Date(Date.now() + 1_500));
    await kind.disable(id);
    await eventually(async () => {
      expect((await kind.get(id))?.state).toBe(keyV1.KeyState.EXPIRED);
    });
    for (const revive of [kind.enable, kind.rotate]) {
      await expect(revive(id)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'KEY_EXPIRED' });
    }
    expect(await reasonOf(secret)).toBe(KEY_DISABLED);
  });

  test('rotated-out-secret-is-refused-at-once where no overlap was asked for', async () => {
    const { id, secret } = await kind.create();
    expect(await reasonOf(secret)).toBe(ALLOWED);
    const rotated = await kind.rotate(id);
    expect(await reasonOf(secret)).toBe(KEY_ROTATED_OUT);
    expect(await reasonOf(rotated.secret)).toBe(ALLOWED);
    const shown = await kind.get(id);
    expect([shown?.rotateTime instanceof Date, shown?.overlapEndTime]).toEqual([true, undefined]);
  });

  test('rotated-out-secret-works-through-its-overlap, and ends by itself', async () => {
    const { id, secret } = await kind.create();
    const rotated = await kind.rotate(id, { seconds: 2n, nanos: 0 });
    expect([await reasonOf(secret), await reasonOf(rotated.secret)]).toEqual([ALLOWED, ALLOWED]);
    await eventually(async () => expect(await reasonOf(secret)).toBe(KEY_ROTATED_OUT));
    expect(Date.now()).toBeGreaterThan((await kind.get(id))?.rotateTime?.getTime() ?? Infinity);
    expect(await reasonOf(rotated.secret)).toBe(ALLOWED);
  });

  test('rotating-again-ends-the-oldest-secret-at-once', async () => {
    const { id, secret } = await kind.create();
    const second = await kind.rotate(id, HOUR);
    const third = await kind.rotate(id, HOUR);
    expect(await reasonOf(secret)).toBe(UNKNOWN_KEY);
    expect([await reasonOf(second.secret), await reasonOf(third.secret)]).toEqual([ALLOWED, ALLOWED]);
    const fourth = await kind.rotate(id);
    expect(await Promise.all([second, third, fourth].map((each) => reasonOf(each.secret)))).toEqual([
      UNKNOWN_KEY,
      KEY_ROTATED_OUT,
      ALLOWED,
    ]);
  });

  test('replayed-rotation-shows-no-secret and rotates nothing', async () => {
    const { id } = await kind.create();
    const first = await kind.rotate(id, HOUR, `turn-${id}`);
    const again = await kind.rotate(id, HOUR, `turn-${id}`);
    expect([first.secretAlreadyShown, again.secretAlreadyShown, again.secret]).toEqual([false, true, '']);
    expect(await reasonOf(first.secret)).toBe(ALLOWED);
  });

  test('deleted-key-ends-both-its-secrets', async () => {
    const { id, secret } = await kind.create();
    expect(await reasonOf(secret)).toBe(ALLOWED);
    const rotated = await kind.rotate(id, HOUR);
    expect(await reasonOf(rotated.secret)).toBe(ALLOWED);
    await kind.remove(id);
    expect([await reasonOf(secret), await reasonOf(rotated.secret)]).toEqual([KEY_REVOKED, KEY_REVOKED]);
  });

  test('racing-rotations-leave-two-secrets', async () => {
    const { id, secret } = await kind.create();
    expect(await reasonOf(secret)).toBe(ALLOWED);
    const rotated = await Promise.all([1, 2, 3, 4].map(() => kind.rotate(id, HOUR)));
    const reasons = await Promise.all([secret, ...rotated.map((each) => each.secret)].map((each) => reasonOf(each)));
    expect(reasons.toSorted()).toEqual([ALLOWED, ALLOWED, UNKNOWN_KEY, UNKNOWN_KEY, UNKNOWN_KEY].toSorted());
  });
});

describe('a leaked token does not breed', () => {
  test('bearer-key-does-not-rotate, enable or re-narrow, but may rename and disable', async () => {
    const { organizationId, admin } = tenant;
    const { id: tokenId, secret } = await newToken(api, organizationId, admin.as);
    const as = { key: secret };
    const narrowing = { permissions: ['runs:read'] };
    for (const attempt of [
      () => api.tokens.rotatePersonalToken({ organizationId, tokenId }, { as }),
      () => api.tokens.enablePersonalToken({ organizationId, tokenId }, { as }),
      () => api.tokens.updatePersonalToken({ organizationId, tokenId, narrowing }, { as }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'PERMISSION_DENIED', reason: 'BEARER_REFUSED' });
    }
    const { token } = await api.tokens.updatePersonalToken({ organizationId, tokenId, name: 'found' }, { as });
    expect(token?.name).toBe('found');
    await api.tokens.disablePersonalToken({ organizationId, tokenId }, { as });
    expect(await reasonOf(secret)).toBe(KEY_DISABLED);
    const { entries } = await api.audit.key.listAuditEntries({ organizationId }, { as: admin.as });
    expect(entries.filter(({ reason }) => reason === 'BEARER_REFUSED').length).toBeGreaterThanOrEqual(3);
  });

  test('narrowed-token-loses-at-once, and only its owner lifts it', async () => {
    const { organizationId, admin } = tenant;
    const { id: tokenId, secret } = await newToken(api, organizationId, admin.as);
    const narrow = (permissions: string[], etag = '') =>
      api.tokens.updatePersonalToken({ organizationId, tokenId, narrowing: { permissions }, etag }, { as: admin.as });
    expect(await reasonOf(secret, 'runs:create')).toBe(ALLOWED);
    const { token } = await narrow(['runs:read']);
    expect(token?.permissions).toEqual(['runs:read']);
    expect([await reasonOf(secret), await reasonOf(secret, 'runs:create')]).toEqual([ALLOWED, PERMISSION_MISSING]);
    await expect(narrow([], 'old')).rejects.toMatchObject({ code: 'ABORTED', reason: 'STALE_ETAG' });
    await expect(narrow(['no:such'])).rejects.toMatchObject({
      reason: 'UNKNOWN_PERMISSION',
      violations: [{ field: 'narrowing.permissions[0]' }],
    });
    expect((await narrow([], token?.etag)).token?.permissions).toEqual([]);
    expect(await reasonOf(secret, 'runs:create')).toBe(ALLOWED);
  });

  test('somebody-else’s-token-is-not-there', async () => {
    const { organizationId, admin } = tenant;
    const other = await newMember(api, tenant);
    const { id: tokenId } = await newToken(api, organizationId, admin.as);
    for (const attempt of [
      () => api.tokens.rotatePersonalToken({ organizationId, tokenId }, { as: other.as }),
      () => api.tokens.disablePersonalToken({ organizationId, tokenId }, { as: other.as }),
      () => api.tokens.updatePersonalToken({ organizationId, tokenId, name: 'mine' }, { as: other.as }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'KEY_NOT_FOUND' });
    }
  });
});

describe('a service key gives nobody more than they have', () => {
  const update = (keyId: string, more: { roleId?: string; name?: string; etag?: string }, as = tenant.admin.as) =>
    api.serviceKeys.updateServiceKey({ ...own(), keyId, ...more }, { as });

  test('narrowed-service-key-loses-at-once, in each of its workspaces', async () => {
    const second = await newWorkspace(api, tenant.organizationId, tenant.admin.as);
    const { id, secret } = await newServiceKey({ workspaceIds: [tenant.workspaceId, second] });
    for (const workspaceId of [tenant.workspaceId, second]) {
      expect(await reasonOf(secret, 'runs:create', workspaceId)).toBe(ALLOWED);
    }
    for (let round = 0; round < 3; round++) {
      const { key } = await update(id, { roleId: WORKSPACE_VIEWER, name: 'reader' });
      for (const workspaceId of [tenant.workspaceId, second]) {
        expect(await reasonOf(secret, 'runs:create', workspaceId)).toBe(PERMISSION_MISSING);
        expect(await reasonOf(secret, 'runs:read', workspaceId)).toBe(ALLOWED);
      }
      expect([key?.roleId, key?.name]).toEqual([WORKSPACE_VIEWER, 'reader']);
      await expect(update(id, { roleId: WORKSPACE_ADMIN, etag: '0' })).rejects.toMatchObject({
        code: 'ABORTED',
        reason: 'STALE_ETAG',
      });
      await update(id, { roleId: WORKSPACE_ADMIN, etag: key?.etag ?? '' });
      expect(await reasonOf(secret, 'runs:create', second)).toBe(ALLOWED);
    }
  });

  test('delegate-gets-no-secret-and-no-role-above-its-own', async () => {
    const { organizationId, workspaceId, admin } = tenant;
    const { role } = await api.roles.createRole(
      {
        organizationId,
        scope: roleV1.Scope.WORKSPACE,
        name: 'keeper',
        permissions: ['workspaces:manage-keys', 'runs:read'],
      },
      { as: admin.as },
    );
    const delegate = await newMember(api, tenant, { workspaceRoleId: role?.id ?? '' });
    const { id: keyId, secret } = await newServiceKey();
    await api.serviceKeys.disableServiceKey({ organizationId, keyId }, { as: delegate.as });
    const as = delegate.as;
    for (const attempt of [
      () => api.serviceKeys.rotateServiceKey({ organizationId, keyId }, { as }),
      () => api.serviceKeys.enableServiceKey({ organizationId, keyId }, { as }),
      () => api.serviceKeys.updateServiceKey({ organizationId, keyId, roleId: WORKSPACE_VIEWER, name: 'mine' }, { as }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'PERMISSION_DENIED', reason: 'WORKSPACE_ADMIN_REQUIRED' });
    }
    expect(await reasonOf(secret)).toBe(KEY_DISABLED);
    const { key } = await api.serviceKeys.getServiceKey({ organizationId, keyId }, { as: admin.as });
    expect([key?.roleId, key?.name]).toEqual([WORKSPACE_ADMIN, 'bot']);
    const { binding } = await api.bindings.getBinding(
      { organizationId, principalId: key?.serviceAccountId },
      { as: admin.as },
    );
    expect(binding?.workspaceRoles).toEqual([{ workspaceId, roleId: WORKSPACE_ADMIN }]);
    // What was refused does not stand in the way of what is allowed.
    expect((await update(keyId, { roleId: WORKSPACE_VIEWER })).key?.roleId).toBe(WORKSPACE_VIEWER);
  });

  test('narrowed-token-gets-no-service-key-secret', async () => {
    const { organizationId, admin } = tenant;
    const { id: keyId } = await newServiceKey();
    const request = { organizationId, name: 'keys only', permissions: ['workspaces:manage-keys'] };
    const { secret } = await api.tokens.createPersonalToken(request, { as: admin.as });
    const as = { key: secret };
    for (const attempt of [
      () => api.serviceKeys.rotateServiceKey({ organizationId, keyId }, { as }),
      () => api.serviceKeys.enableServiceKey({ organizationId, keyId }, { as }),
      () => api.serviceKeys.updateServiceKey({ organizationId, keyId, roleId: WORKSPACE_VIEWER }, { as }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'PERMISSION_DENIED', reason: 'NARROWED_KEY' });
    }
    await api.serviceKeys.disableServiceKey({ organizationId, keyId }, { as });
  });

  test('refused-role-stays-refused for a repeat, and changes nothing', async () => {
    const { id: keyId, secret } = await newServiceKey();
    const roleId = BUILT_IN_ROLE_IDS.ORGANIZATION_USER;
    for (let attempt = 0; attempt < 2; attempt++) {
      const request = { ...own(), keyId, roleId, requestId: `wrong-${keyId}` };
      await expect(api.serviceKeys.updateServiceKey(request, asAdmin())).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect(await reasonOf(secret, 'runs:create')).toBe(ALLOWED);
  });

  test('legacy-key-is-not-rotated', async () => {
    const { organizationId, workspaceId } = tenant;
    const keys = [{ sha256: Buffer.alloc(32, 7).toString('hex'), name: 'old' }];
    const { keyIds } = await api.legacyKeys.importLegacyKeys({ organizationId, workspaceId, keys }, asAdmin());
    const attempt = api.serviceKeys.rotateServiceKey({ organizationId, keyId: keyIds[0] ?? '' }, asAdmin());
    await expect(attempt).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', reason: 'LEGACY_KEY' });
  });
});

describe('BatchAuthorize', () => {
  test('batch-answers-in-order, as Authorize would', async () => {
    const { organizationId, workspaceId, admin } = tenant;
    const live = await newToken(api, organizationId, admin.as);
    const dead = await newToken(api, organizationId, admin.as);
    await api.tokens.deletePersonalToken({ organizationId, tokenId: dead.id }, { as: admin.as });
    const bot = await newServiceKey({ roleId: WORKSPACE_VIEWER });
    const questions: [string, string, string | undefined, keyV1.DecisionReason][] = [
      [live.secret, 'runs:create', workspaceId, ALLOWED],
      [bot.secret, 'runs:create', workspaceId, PERMISSION_MISSING],
      [dead.secret, 'runs:read', workspaceId, KEY_REVOKED],
      ['nonsense', 'runs:read', workspaceId, MALFORMED_KEY],
      [bot.secret, 'runs:read', workspaceId, ALLOWED],
      [live.secret, 'no:such', workspaceId, keyV1.DecisionReason.UNKNOWN_PERMISSION],
      [live.secret, 'runs:read', undefined, keyV1.DecisionReason.SCOPE_REQUIRED],
    ];
    const checks = Array.from({ length: 100 }, (_, i) => questions[i % questions.length] ?? questions[0]!).map(
      ([key, permission, id]) => ({ key, permission, workspaceId: id ?? '', organizationId: '' }),
    );
    const { results } = await api.authorization.batchAuthorize({ checks });
    expect(results.map(({ outcome }) => outcome?.$case === 'response' && outcome.value.reason)).toEqual(
      checks.map((_, i) => questions[i % questions.length]?.[3]),
    );
    const first = results[0]?.outcome;
    const alone = await api.authorization.authorize(checks[0]!);
    if (first?.$case !== 'response') throw new Error('the first question got no answer');
    expect({ ...first.value, decisionId: '' }).toEqual({ ...alone, decisionId: '' });
    const ids = results.map(({ outcome }) => outcome?.$case === 'response' && outcome.value.decisionId);
    expect(new Set(ids).size).toBe(100);
  });

  test('one-malformed-item-refuses-itself, and not the others', async () => {
    const { organizationId, workspaceId, admin } = tenant;
    const { secret } = await newToken(api, organizationId, admin.as);
    const good = { key: secret, permission: 'runs:read', workspaceId, organizationId };
    const { results } = await api.authorization.batchAuthorize({
      checks: [
        good,
        { ...good, permission: '', workspaceId: 'w'.repeat(65) },
        { ...good, key: secret.repeat(6) },
        { ...good, key: '' },
        good,
      ],
    });
    const summary = results.map(({ outcome }) =>
      outcome?.$case === 'response'
        ? outcome.value.reason
        : outcome?.value.violations.map(({ field, rule }) => [field, rule]),
    );
    expect(summary).toEqual([
      ALLOWED,
      [
        ['permission', 'string.min_len'],
        ['workspace_id', 'string.max_len'],
      ],
      [['key', 'string.max_bytes']],
      [['key', 'string.min_len']],
      ALLOWED,
    ]);
    expect(JSON.stringify(results)).not.toContain(secret);
    for (const checks of [[], Array.from({ length: 101 }, () => good)]) {
      await expect(api.authorization.batchAuthorize({ checks })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  test('batch-sees-what-was-acknowledged-before-it', async () => {
    const { organizationId, admin } = tenant;
    const { id: tokenId, secret } = await newToken(api, organizationId, admin.as);
    const check = { key: secret, permission: 'runs:read', workspaceId: tenant.workspaceId, organizationId: '' };
    for (let round = 0; round < 5; round++) {
      const ask = async () =>
        (await api.authorization.batchAuthorize({ checks: [check, check] })).results.map(
          ({ outcome }) => outcome?.$case === 'response' && outcome.value.reason,
        );
      expect(await ask()).toEqual([ALLOWED, ALLOWED]);
      await api.tokens.disablePersonalToken({ organizationId, tokenId }, { as: admin.as });
      expect(await ask()).toEqual([KEY_DISABLED, KEY_DISABLED]);
      await api.tokens.enablePersonalToken({ organizationId, tokenId }, { as: admin.as });
    }
  });
});
