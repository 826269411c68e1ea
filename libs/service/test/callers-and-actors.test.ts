import { type Guard, permission, systemContext } from '@latchkey/service';
import { type CallError, createAuthority, issueLeaf, writeLeaf } from '@latchkey/testing';
import {
  MEMBER,
  MEMBER_BY_KEY,
  ORGANIZATION,
  OTHER_ORGANIZATION,
  SECRET,
  STRANGER,
  USER,
  World,
  WORKSPACE,
} from './world';

let world: World;
let address: string;
let ops: ReturnType<World['clients']>;

const GOOD = { organizationId: ORGANIZATION, name: 'production' };
const asUser = { as: { user: USER } };
const asKey = { as: { key: SECRET } };

beforeAll(async () => {
  world = await World.create();
  ({ address } = await world.start());
  ops = world.clients(address);
});
beforeEach(() => world.fresh());
afterAll(() => world.end());

const refusal = (call: Promise<unknown>): Promise<CallError> =>
  call.then(
    () => Promise.reject(new Error('the call was answered')),
    (error: CallError) => error,
  );

const guardSays =
  (reason: string, principal?: typeof MEMBER): Guard['authorize'] =>
  () =>
    Promise.resolve({ allowed: false, reason, ...(principal && { principal }) });

describe('callers', () => {
  test('who has no certificate cannot connect', async () => {
    const { ca } = world.pki.files('ops');
    const { facts } = world.clients(address, { ca });
    expect(await refusal(facts.getWorkspaceFact({ workspaceId: WORKSPACE }))).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test("a certificate of another authority cannot connect, not even with a caller's name", async () => {
    const rogue = await issueLeaf(await createAuthority(), { name: 'rogue', spiffe: 'spiffe://latchkey/key' });
    const { facts } = world.clients(address, writeLeaf(world.dir, 'rogue', rogue));
    expect(await refusal(facts.getWorkspaceFact({ workspaceId: WORKSPACE }))).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test.each([
    ['no URI name', undefined],
    ['a foreign trust domain', 'spiffe://elsewhere/key'],
    ['a longer path', 'spiffe://latchkey/key/key'],
    ['a name that ends in a caller', 'spiffe://latchkey/x, URI:spiffe://latchkey/key'],
  ])('a certificate with %s is no caller', async (what, spiffe) => {
    const tls = await world.certificate(what.replaceAll(' ', '-'), spiffe);
    const { facts } = world.clients(address, tls);
    expect(await refusal(facts.getWorkspaceFact({ workspaceId: WORKSPACE }))).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'CALLER_REQUIRED',
    });
  });

  test('a caller that the rule does not name is refused', async () => {
    const { facts } = world.clients(address, world.pki.files('worker'));
    expect(await refusal(facts.getWorkspaceFact({ workspaceId: WORKSPACE }))).toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'CALLER_NOT_ALLOWED',
      metadata: { caller: 'worker' },
    });
  });

  test('a caller that is refused learns nothing about fields', async () => {
    const wrong = world.clients(address, world.pki.files('worker'));
    const nobody = world.clients(address, await world.certificate('nobody', undefined));
    for (const { facts } of [wrong, nobody]) {
      const error = await refusal(facts.getWorkspaceFact({ workspaceId: 'nonsense' }));
      expect(error.code).not.toBe('INVALID_ARGUMENT');
      expect(error.violations).toEqual([]);
    }
  });

  test('a named caller is let in, and the handler is told its name', async () => {
    let caller = '';
    world.does.fact = (ctx) => {
      ({ caller } = ctx);
      return Promise.resolve(undefined);
    };
    await world.clients(address, world.pki.files('key')).facts.getWorkspaceFact({ workspaceId: WORKSPACE });
    expect(caller).toBe('key');
  });
});

describe('actors', () => {
  test('without an actor: ACTOR_REQUIRED', async () => {
    expect(await refusal(ops.workspaces.createWorkspace(GOOD))).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'ACTOR_REQUIRED',
    });
  });

  test('only a front end may assert a user', async () => {
    const { workspaces } = world.clients(address, world.pki.files('worker'));
    expect(await refusal(workspaces.createWorkspace(GOOD, asUser))).toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'CALLER_NOT_FRONT_END',
    });
    await workspaces.createWorkspace(GOOD, asKey);
  });

  test('two actors at once are refused', async () => {
    const both = { as: { key: SECRET }, metadata: { 'latchkey-actor': USER } };
    expect(await refusal(ops.workspaces.createWorkspace(GOOD, both))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'TWO_ACTORS',
    });
  });

  test.each([
    ['latchkey-actor', 'somebody'],
    ['authorization', 'Basic b3BzOm9wcw=='],
  ])('a malformed %s is no actor', async (name, value) => {
    const error = await refusal(ops.workspaces.createWorkspace(GOOD, { metadata: { [name]: value } }));
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'ACTOR_MALFORMED' });
  });

  test('the handler is given the principal that the guard named, and the audit actor', async () => {
    const seen: unknown[] = [];
    world.does.create = (_request, { principal, actor }) => {
      seen.push(principal, actor);
      return Promise.resolve();
    };
    await ops.workspaces.createWorkspace(GOOD, asKey);
    const actor = { userId: USER, principalId: MEMBER.principalId, keyId: MEMBER_BY_KEY.keyId };
    expect(seen).toEqual([MEMBER_BY_KEY, actor]);
  });

  test.each(['MALFORMED_KEY', 'UNKNOWN_KEY', 'KEY_EXPIRED', 'KEY_REVOKED', 'PRINCIPAL_REMOVED', 'LEGACY_KEY_SUNSET'])(
    'a key that the guard refuses as %s is UNAUTHENTICATED with that reason',
    async (reason) => {
      world.does.authorize = guardSays(reason);
      const error = await refusal(ops.workspaces.createWorkspace(GOOD, asKey));
      expect(error).toMatchObject({ code: 'UNAUTHENTICATED', reason });
    },
  );

  test('a missing permission is named, with where it is missing', async () => {
    world.does.authorize = guardSays('PERMISSION_MISSING', MEMBER);
    expect(await refusal(ops.workspaces.createWorkspace(GOOD, asUser))).toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'PERMISSION_MISSING',
      metadata: { permission: 'organization:manage', organization_id: ORGANIZATION },
    });
    const get = { organizationId: ORGANIZATION, workspaceId: WORKSPACE };
    expect(await refusal(ops.workspaces.getWorkspace(get, asUser))).toMatchObject({
      metadata: { permission: 'workspaces:read', workspace_id: WORKSPACE },
    });
  });

  test('where a workspace is gone, a member reaches the handler that deleted it, and nobody else does', async () => {
    const request = { organizationId: ORGANIZATION, workspaceId: WORKSPACE };
    world.does.authorize = guardSays('WORKSPACE_NOT_FOUND', MEMBER);
    await ops.workspaces.deleteWorkspace(request, asUser);
    expect(await refusal(ops.workspaces.getWorkspace(request, asUser))).toMatchObject({
      reason: 'WORKSPACE_NOT_FOUND',
    });
    world.does.identify = () => Promise.resolve({ allowed: false, reason: 'PRINCIPAL_REMOVED' });
    const stranger = { as: { user: STRANGER } };
    expect(await refusal(ops.workspaces.deleteWorkspace(request, stranger))).toMatchObject({
      code: 'NOT_FOUND',
      reason: 'ORGANIZATION_NOT_FOUND',
    });
    world.does.authorize = guardSays('PERMISSION_MISSING', MEMBER);
    const { reason, metadata } = await refusal(ops.workspaces.deleteWorkspace(request, asUser));
    expect([reason, metadata.permission]).toEqual(['PERMISSION_MISSING', 'workspaces:manage']);
  });

  test('tenant-cannot-see-tenant: a stranger, a foreign key and a guard of another organization get the same answer', async () => {
    const answers = [];
    world.does.authorize = guardSays('PRINCIPAL_REMOVED');
    answers.push(await refusal(ops.workspaces.createWorkspace(GOOD, { as: { user: STRANGER } })));
    world.does.authorize = guardSays('WRONG_ORGANIZATION', { ...MEMBER, organizationId: OTHER_ORGANIZATION });
    answers.push(await refusal(ops.workspaces.createWorkspace(GOOD, asKey)));
    world.does.authorize = () =>
      Promise.resolve({
        allowed: true,
        reason: 'ALLOWED',
        principal: { ...MEMBER, organizationId: OTHER_ORGANIZATION },
      });
    answers.push(await refusal(ops.workspaces.createWorkspace(GOOD, asUser)));
    for (const { code, reason, message } of answers) {
      expect({ code, reason, message }).toMatchObject({ code: 'NOT_FOUND', reason: 'ORGANIZATION_NOT_FOUND' });
      expect(message).toBe(answers[0]?.message);
    }
  });

  test('a leaked token must not breed: self without bearer refuses a key, and so does selfUser', async () => {
    expect(await refusal(ops.workspaces.listWorkspaces({ organizationId: ORGANIZATION }, asKey))).toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'BEARER_REFUSED',
    });
    await ops.workspaces.listWorkspaces({ organizationId: ORGANIZATION }, asUser);
    const question = { userId: USER, permission: 'x:y', organizationId: ORGANIZATION };
    expect(await refusal(ops.authorization.authorizeUser(question, asKey))).toMatchObject({ reason: 'BEARER_REFUSED' });
    await ops.authorization.authorizeUser(question, asUser);
  });

  test('a rule over several workspaces asks for each, and none is not "no limits"', async () => {
    const asked: (string | undefined)[] = [];
    const guard: Guard = {
      identify: world.does.identify,
      authorize: (credential, permissionName, scope, ctx) => {
        asked.push(scope.workspaceId);
        if (scope.workspaceId === 'ws_2')
          return guardSays('PERMISSION_MISSING', MEMBER)(credential, permissionName, scope, ctx);
        return world.does.authorize(credential, permissionName, scope, ctx);
      },
    };
    const rule = permission('workspaces:manage-keys', { organization: 'organizationId', workspaces: 'workspaceIds' });
    const claim = {
      caller: 'ops',
      credential: { kind: 'user', userId: USER },
      frontEnds: new Set<string>(),
      guard,
    } as const;
    const ctx = systemContext('test', { log: world.log, timeoutMs: 1_000 });
    const admit = (workspaceIds: string[]) => rule.admit({ organizationId: ORGANIZATION, workspaceIds }, ctx, claim);
    expect(await admit(['ws_1', 'ws_3', 'ws_1'])).toMatchObject({ ok: true });
    expect(await admit(['ws_1', 'ws_2'])).toMatchObject({ ok: false, error: { metadata: { workspace_id: 'ws_2' } } });
    expect(asked).toEqual(['ws_1', 'ws_3', 'ws_1', 'ws_2']);
    for (const none of [[], ['']]) {
      expect(await admit(none)).toMatchObject({ ok: false, error: { violations: [{ field: 'workspace_ids' }] } });
    }
    expect(asked).toHaveLength(4);
  });

  test('a guard that cannot be reached refuses: nothing is done', async () => {
    let done = false;
    world.does.create = () => {
      done = true;
      return Promise.resolve();
    };
    world.does.authorize = () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
    const error = await refusal(ops.workspaces.createWorkspace(GOOD, asUser));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'DEPENDENCY_UNAVAILABLE' });
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(done).toBe(false);
  });
});
