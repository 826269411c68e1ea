import { AppError } from '@latchkey/service';
import { createServiceKey } from '../src/rpc/create-service-key';
import { importLegacyKeys } from '../src/rpc/import-legacy-keys';
import { rotateServiceKey } from '../src/rpc/rotate-service-key';
import { updateServiceKey } from '../src/rpc/update-service-key';
import { ROLE_CHANGE, roleChanges } from '../src/role-change';
import { hashSecret } from '@latchkey/facts';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { context, log, settle, startWorld, type World } from './world';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterEach(() => {
  world.clock.now = Date.now;
});
afterAll(() => world.stop());

const { WORKSPACE_ADMIN, WORKSPACE_VIEWER } = BUILT_IN_ROLE_IDS;
const DAY_MS = 86_400_000;
const WEEK = { seconds: 604_800n, nanos: 0 };
const refused = (reason: string, code: 'UNAVAILABLE' | 'PERMISSION_DENIED' = 'PERMISSION_DENIED') =>
  new AppError({ code, reason, message: reason });

async function setUp() {
  const { deps, memory } = world;
  const place = settle(memory);
  const { organizationId, workspaceId } = place;
  const by = (rpc: string, requestId = '') => context(rpc, place, { requestId });
  const created = await createServiceKey(deps)(
    { organizationId, name: 'ci', workspaceIds: [workspaceId], roleId: '', expireTime: undefined, requestId: '' },
    by('CreateServiceKey'),
  );
  const keyId = created.key?.id ?? '';
  return {
    keyId,
    secret: created.secret,
    rotate: async (overlap?: { seconds: bigint; nanos: number }) =>
      await rotateServiceKey(deps)({ organizationId, keyId, overlap, requestId: '' }, by('RotateServiceKey')),
    update: (more: { roleId?: string; name?: string; etag?: string }, requestId = '') =>
      updateServiceKey(deps)(
        { organizationId, keyId, name: '', roleId: '', etag: '', requestId, ...more },
        by('UpdateServiceKey', requestId),
      ),
    import: (sha256: string) =>
      importLegacyKeys(deps)(
        { organizationId, workspaceId, keys: [{ sha256, name: 'old' }], requestId: '' },
        by('ImportLegacyKeys'),
      ),
    ask: async (secret: string, permission = 'projects:read') => {
      const question = { permission, workspaceId, organizationId: '' };
      return (await deps.judge.judgeKey(secret, question)).reason;
    },
    record: () => world.deps.keys.findById(keyId),
  };
}

const relay = (key: string) =>
  roleChanges(world.deps, log)[ROLE_CHANGE]?.(
    { kind: ROLE_CHANGE, key, payload: {}, createdAt: new Date(), attempt: 1 },
    { signal: new AbortController().signal },
  );
const outbox = (key: string) =>
  world.database.collection<{ _id: string }>('outbox').findOne({ _id: `${ROLE_CHANGE}:${key}` });

describe('rotated-out-secret-works-through-its-overlap', () => {
  it('works for seven days, and not a day longer; the new one goes on', async () => {
    const at = await setUp();
    const { secret } = await at.rotate(WEEK);
    const rotated = (await at.record())?.rotateTime?.getTime() ?? 0;
    world.clock.now = () => rotated + 7 * DAY_MS - 1;
    expect(await at.ask(at.secret)).toBe('ALLOWED');
    world.clock.now = () => rotated + 7 * DAY_MS;
    expect([await at.ask(at.secret), await at.ask(secret)]).toEqual(['KEY_ROTATED_OUT', 'ALLOWED']);
  });

  it('is over at once without an overlap, whatever the clock that decides says', async () => {
    const at = await setUp();
    await at.rotate();
    world.clock.now = () => Date.now() - DAY_MS;
    expect(await at.ask(at.secret)).toBe('KEY_ROTATED_OUT');
  });

  it('hands nothing out where role refuses', async () => {
    const at = await setUp();
    world.bindings.failNext = refused('GRANT_EXCEEDS_OWN');
    await expect(at.rotate()).rejects.toMatchObject({ reason: 'GRANT_EXCEEDS_OWN' });
    expect(await at.ask(at.secret)).toBe('ALLOWED');
  });

  it('cannot be imported as a legacy key, present or previous, and so live on', async () => {
    const at = await setUp();
    const other = await setUp();
    const { secret } = await at.rotate();
    for (const each of [at.secret, secret]) {
      for (const importer of [at, other]) {
        await expect(importer.import(hashSecret(each))).rejects.toMatchObject({ reason: 'LEGACY_KEY_TAKEN' });
      }
    }
  });
});

describe('narrowed-service-key-loses-at-once', () => {
  it('is finished by the relay when its call died; meanwhile no other change of its role begins', async () => {
    const at = await setUp();
    world.bindings.failNext = refused('DEPENDENCY_UNAVAILABLE', 'UNAVAILABLE');
    await expect(at.update({ roleId: WORKSPACE_VIEWER, name: 'reader' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(await at.record()).toMatchObject({ roleId: WORKSPACE_ADMIN, name: 'ci' });
    await expect(at.update({ name: 'other' })).rejects.toMatchObject({ code: 'ABORTED', reason: 'UPDATE_IN_PROGRESS' });
    expect(await relay(at.keyId)).toBe('done');
    expect(await at.record()).toMatchObject({ roleId: WORKSPACE_VIEWER, name: 'reader' });
    expect(await at.ask(at.secret, 'projects:write')).toBe('PERMISSION_MISSING');
    expect(await outbox(at.keyId)).toBeNull();
    expect(await relay(at.keyId)).toBe('done');
  });

  it('is resumed by the repeat, which answers the key as it is then', async () => {
    const at = await setUp();
    world.bindings.failNext = refused('DEPENDENCY_UNAVAILABLE', 'UNAVAILABLE');
    const change = () => at.update({ roleId: WORKSPACE_VIEWER }, 'narrow');
    await expect(change()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const { key } = await change();
    expect([key?.roleId, key?.etag]).toEqual([WORKSPACE_VIEWER, '2']);
    expect((await change()).key).toEqual(key);
  });

  it('is taken back whole when role refuses it; the repeat is told the same, and the next change is free', async () => {
    const at = await setUp();
    world.bindings.failNext = refused('GRANT_EXCEEDS_OWN');
    const change = () => at.update({ roleId: WORKSPACE_VIEWER, name: 'reader' }, 'no');
    await expect(change()).rejects.toMatchObject({ reason: 'GRANT_EXCEEDS_OWN' });
    await expect(change()).rejects.toMatchObject({ code: 'PERMISSION_DENIED', reason: 'GRANT_EXCEEDS_OWN' });
    expect(await at.record()).toMatchObject({ roleId: WORKSPACE_ADMIN, name: 'ci' });
    expect(await outbox(at.keyId)).toBeNull();
    expect((await at.update({ roleId: WORKSPACE_VIEWER })).key?.roleId).toBe(WORKSPACE_VIEWER);
  });

  it('changes nothing where there is nothing to change, and refuses an etag that is too old', async () => {
    const at = await setUp();
    const { key } = await at.update({ name: 'renamed' });
    expect((await at.update({ name: 'renamed', roleId: WORKSPACE_ADMIN })).key).toEqual(key);
    await expect(at.update({ name: 'x', etag: '0' })).rejects.toMatchObject({ code: 'ABORTED', reason: 'STALE_ETAG' });
  });
});
