import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { AppError } from '@latchkey/service';
import { createPersonalToken } from '../src/rpc/create-personal-token';
import { createServiceKey } from '../src/rpc/create-service-key';
import { deleteServiceKey, workspacesOfKey } from '../src/rpc/delete-service-key';
import { disableServiceKey } from '../src/rpc/disable-service-key';
import { getServiceKey } from '../src/rpc/get-service-key';
import { importLegacyKeys } from '../src/rpc/import-legacy-keys';
import { listServiceKeys } from '../src/rpc/list-service-keys';
import { setLegacySunset } from '../src/rpc/set-legacy-sunset';
import { hashSecret } from '@latchkey/facts';
import { BINDING, followUps, REMOVAL } from '../src/service-account';
import { context, log, newId, settle, startWorld, type World } from './world';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const away = () => new AppError({ code: 'UNAVAILABLE', reason: 'DEPENDENCY_UNAVAILABLE', message: 'away' });
const exceeds = () => new AppError({ code: 'PERMISSION_DENIED', reason: 'GRANT_EXCEEDS_OWN', message: 'too much' });

function setUp() {
  const { deps, memory } = world;
  const place = settle(memory);
  const { organizationId, workspaceId } = place;
  const by = (rpc: string, requestId: string, keyId = '') => context(rpc, place, { requestId, keyId });
  return {
    ...place,
    create: (requestId = '', roleId = '', keyId = '') =>
      createServiceKey(deps)(
        { organizationId, name: 'ci', workspaceIds: [workspaceId], roleId, expireTime: undefined, requestId },
        by('CreateServiceKey', requestId, keyId),
      ),
    remove: (keyId: string, requestId = '') =>
      deleteServiceKey(deps)({ organizationId, keyId, requestId }, by('DeleteServiceKey', requestId)),
    list: () => listServiceKeys(deps)({ organizationId, pageSize: 0, pageToken: '' }, by('ListServiceKeys', '')),
    get: (keyId: string) => getServiceKey(deps)({ organizationId, keyId }, by('GetServiceKey', '')),
    import: (secrets: string[], requestId = '') =>
      importLegacyKeys(deps)(
        { organizationId, workspaceId, requestId, keys: secrets.map((s) => ({ sha256: hashSecret(s), name: 'old' })) },
        by('ImportLegacyKeys', requestId),
      ),
    sunset: (sunsetTime: Date) =>
      setLegacySunset(deps)({ organizationId, sunsetTime, requestId: '' }, by('SetLegacySunset', '')),
    ask: (secret: string) =>
      deps.judge.judgeKey(secret, { permission: 'projects:write', workspaceId, organizationId: '' }),
    token: (permissions: string[]) =>
      createPersonalToken(deps)(
        { organizationId, name: 'n', expireTime: undefined, permissions, requestId: '' },
        by('CreatePersonalToken', ''),
      ),
  };
}

const outbox = (kind: string, key: string) =>
  world.database.collection<{ _id: string }>('outbox').findOne({ _id: `${kind}:${key}` });

const relay = (kind: string, key: string) =>
  followUps(world.deps, log)[kind]?.(
    { kind, key, payload: {}, createdAt: new Date(), attempt: 1 },
    { signal: new AbortController().signal },
  );

describe('a service key works once its roles are bound', () => {
  it('is workspace Admin by default, and leaves nothing in the outbox', async () => {
    const at = setUp();
    const { key, secret } = await at.create();
    expect(key).toMatchObject({ workspaceIds: [at.workspaceId], roleId: BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN });
    expect(await at.ask(secret)).toMatchObject({ allowed: true, principal: { principalId: key?.serviceAccountId } });
    expect(await outbox(BINDING, key?.id ?? '')).toBeNull();
    expect((await at.list()).keys).toEqual([key]);
    expect((await at.get(key?.id ?? '')).key).toEqual(key);
  });

  it('authorizes nothing while role is away, and the repeat finishes it without another secret', async () => {
    const at = setUp();
    world.bindings.failNext = away();
    await expect(at.create('again')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await at.list()).keys).toEqual([]);
    const answer = await at.create('again');
    expect(answer).toMatchObject({ secret: '', secretAlreadyShown: true });
    expect((await at.list()).keys).toEqual([answer.key]);
    expect(await outbox(BINDING, answer.key?.id ?? '')).toBeNull();
  });

  it('is finished by the relay when its call died, however often it is delivered', async () => {
    const at = setUp();
    world.bindings.failNext = away();
    await expect(at.create()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const pending = await world.database.collection('keys').findOne({ organizationId: at.organizationId });
    const id = String(pending?._id);
    expect(await outbox(BINDING, id)).not.toBeNull();
    expect(await relay(BINDING, id)).toBe('done');
    expect(await relay(BINDING, id)).toBe('done');
    expect((await at.list()).keys.map((key) => key.id)).toEqual([id]);
  });

  it('is taken back when its roles are refused; the repeat gets the same refusal', async () => {
    const at = setUp();
    world.bindings.failNext = exceeds();
    await expect(at.create('no')).rejects.toMatchObject({ reason: 'GRANT_EXCEEDS_OWN' });
    await expect(at.create('no')).rejects.toMatchObject({ code: 'PERMISSION_DENIED', reason: 'GRANT_EXCEEDS_OWN' });
    const record = await world.database.collection('keys').findOne({ organizationId: at.organizationId });
    expect(record).toMatchObject({ state: 'REVOKED', revokedBecause: 'NEVER_BOUND' });
    expect(record).not.toHaveProperty('hash');
    expect(world.bindings.removed).toContain(record?.principalId);
    expect(await outbox(BINDING, String(record?._id))).toBeNull();
    expect(await outbox(REMOVAL, String(record?._id))).toBeNull();
  });
});

describe('a deleted service key is refused at once', () => {
  it('answers KEY_REVOKED, and loses its roles', async () => {
    const at = setUp();
    const { key, secret } = await at.create();
    const id = key?.id ?? '';
    await at.remove(id, 'bye');
    expect(await at.ask(secret)).toMatchObject({ allowed: false, reason: 'KEY_REVOKED' });
    expect(world.bindings.removed).toContain(key?.serviceAccountId);
    expect(await outbox(REMOVAL, id)).toBeNull();
    expect(await at.remove(id, 'bye')).toEqual({});
    await expect(at.remove(id)).rejects.toMatchObject({ reason: 'KEY_NOT_FOUND' });
  });

  it('is refused also while role is away; the relay takes the roles later', async () => {
    const at = setUp();
    const { key, secret } = await at.create();
    const id = key?.id ?? '';
    world.bindings.failNext = away();
    await at.remove(id);
    expect(await at.ask(secret)).toMatchObject({ allowed: false, reason: 'KEY_REVOKED' });
    expect(world.bindings.removed).not.toContain(key?.serviceAccountId);
    expect(await relay(REMOVAL, id)).toBe('done');
    expect(world.bindings.removed).toContain(key?.serviceAccountId);
    expect(await outbox(REMOVAL, id)).toBeNull();
  });

  it('is ruled by its own workspaces, and is absent in another organization', async () => {
    const at = setUp();
    const other = setUp();
    const { key } = await at.create();
    const keyId = key?.id ?? '';
    const asked = context('DeleteServiceKey', at);
    const workspaces = workspacesOfKey(world.deps);
    expect(await workspaces({ organizationId: at.organizationId, keyId }, asked)).toEqual([at.workspaceId]);
    for (const organizationId of [other.organizationId, newId('org')]) {
      await expect(workspaces({ organizationId, keyId }, asked)).rejects.toMatchObject({ reason: 'KEY_NOT_FOUND' });
    }
  });
});

test('a key that has expired by the service’s own clock is disabled for those whose clocks say otherwise', async () => {
  const at = setUp();
  const { key, secret } = await at.create();
  const keyId = key?.id ?? '';
  const expireTime = new Date(Date.now() - 1_000);
  await world.database.collection<{ _id: string }>('keys').updateOne({ _id: keyId }, { $set: { expireTime } });
  world.clock.now = () => Date.now() - 60_000;
  try {
    expect(await at.ask(secret)).toMatchObject({ allowed: true });
    const { organizationId } = at;
    await disableServiceKey(world.deps)({ organizationId, keyId, requestId: '' }, context('DisableServiceKey', at));
    expect(await at.ask(secret)).toMatchObject({ allowed: false, reason: 'KEY_DISABLED' });
  } finally {
    world.clock.now = Date.now;
  }
});

describe('legacy keys are imported by their hashes', () => {
  it('imports each hash once, and answers it again with the same key', async () => {
    const at = setUp();
    const [a, b] = [`ls__${newId('a')}`, `ls__${newId('b')}`];
    const first = await at.import([a, b, a]);
    expect(first.keyIds[0]).toBe(first.keyIds[2]);
    expect(new Set(first.keyIds).size).toBe(2);
    expect((await at.import([b, a])).keyIds).toEqual([first.keyIds[1], first.keyIds[0]]);
    expect(await at.ask(a)).toMatchObject({ reason: 'LEGACY_KEY_SUNSET' });
    await at.sunset(new Date(Date.now() + 60_000));
    expect(await at.ask(a)).toMatchObject({ allowed: true });
    await at.sunset(new Date(Date.now() - 60_000));
    expect(await at.ask(a)).toMatchObject({ allowed: false, reason: 'LEGACY_KEY_SUNSET' });
  });

  it('does not revive a deleted one', async () => {
    const at = setUp();
    const old = `ls__${newId('a')}`;
    const [id = ''] = (await at.import([old])).keyIds;
    await at.sunset(new Date(Date.now() + 60_000));
    await at.remove(id);
    expect((await at.import([old])).keyIds).toEqual([id]);
    expect(await at.ask(old)).toMatchObject({ reason: 'KEY_REVOKED' });
  });

  it('does not take another organization’s', async () => {
    const at = setUp();
    const other = setUp();
    const [mine, theirs] = [`ls__${newId('a')}`, `ls__${newId('b')}`];
    await other.import([theirs]);
    await expect(at.import([mine, theirs])).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'LEGACY_KEY_TAKEN',
      metadata: { field: 'keys[1].sha256' },
    });
    expect((await at.list()).keys).toEqual([]);
  });

  it('can be tried again after a refusal, and two imports at once make one key', async () => {
    const at = setUp();
    const old = `ls__${newId('a')}`;
    world.bindings.failNext = exceeds();
    await expect(at.import([old])).rejects.toMatchObject({ reason: 'GRANT_EXCEEDS_OWN' });
    const [one, two] = await Promise.all([at.import([old]), at.import([old])]);
    expect(one.keyIds).toEqual(two.keyIds);
    expect((await at.list()).keys).toHaveLength(1);
  });
});
