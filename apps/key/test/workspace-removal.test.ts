import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { type KeyRecord } from '../src/key';
import { createPersonalToken } from '../src/rpc/create-personal-token';
import { createServiceKey } from '../src/rpc/create-service-key';
import { workspacesOfKey } from '../src/rpc/delete-service-key';
import { removeWorkspace } from '../src/rpc/remove-workspace';
import { followUps, REMOVAL } from '../src/service-account';
import { context, log, newId, settle, startWorld, type World } from './world';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

function setUp() {
  const { deps, memory } = world;
  const place = settle(memory);
  const { organizationId, workspaceId } = place;
  const another = newId('ws');
  memory.facts.workspaces.set(another, { organizationId, state: 'ACTIVE' });
  memory.facts.bindings.get(place.memberId)?.workspaceRoles.set(another, BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN);
  return {
    ...place,
    another,
    create: async (workspaceIds: string[]) => {
      const request = { organizationId, name: 'ci', workspaceIds, roleId: '', expireTime: undefined, requestId: '' };
      const { key, secret } = await createServiceKey(deps)(request, context('CreateServiceKey', place));
      return { id: key?.id ?? '', accountId: key?.serviceAccountId ?? '', secret };
    },
    remove: (of = workspaceId) =>
      removeWorkspace(deps)({ organizationId, workspaceId: of }, context('RemoveWorkspace', place)),
    end: (id: string) => memory.facts.workspaces.set(id, { organizationId, state: 'DELETED' }),
    ask: (secret: string, where: string) =>
      deps.judge.judgeKey(secret, { permission: 'projects:write', workspaceId: where, organizationId: '' }),
  };
}

const recordOf = async (id: string): Promise<KeyRecord | undefined> => await world.deps.keys.findById(id);

describe('RemoveWorkspace', () => {
  it('drops a deleted workspace from keys; a key left without any dies, it never widens', async () => {
    const at = setUp();
    const both = await at.create([at.workspaceId, at.another]);
    const only = await at.create([at.workspaceId]);
    await expect(at.remove()).rejects.toMatchObject({ reason: 'WORKSPACE_NOT_DELETED' });
    at.end(at.workspaceId);
    // Refused at once; nothing has been tidied up yet.
    expect(await at.ask(only.secret, at.workspaceId)).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
    expect(await at.remove()).toEqual({ keysChanged: 1, keysRevoked: 1, more: false });
    expect(await at.remove()).toEqual({ keysChanged: 0, keysRevoked: 0, more: false });

    expect((await recordOf(both.id))?.workspaceIds).toEqual([at.another]);
    expect(await at.ask(both.secret, at.another)).toMatchObject({ allowed: true });
    expect(await at.ask(only.secret, at.another)).toMatchObject({ allowed: false, reason: 'KEY_REVOKED' });
    expect(await recordOf(only.id)).toMatchObject({ state: 'REVOKED', revokedBecause: 'WORKSPACES_DELETED' });
    await followUps(world.deps, log)[REMOVAL]?.(
      { kind: REMOVAL, key: only.id, payload: {}, createdAt: new Date(), attempt: 1 },
      { signal: new AbortController().signal },
    );
    expect(world.bindings.removed).toContain(only.accountId);
    const request = { organizationId: at.organizationId, keyId: only.id };
    const gone = workspacesOfKey(world.deps)(request, context('DeleteServiceKey', at));
    await expect(gone).rejects.toMatchObject({ reason: 'KEY_NOT_FOUND' });

    at.end(at.another);
    expect(await at.remove(at.another)).toEqual({ keysChanged: 0, keysRevoked: 1, more: false });
  });

  it('also reaches a key that is not bound yet', async () => {
    const at = setUp();
    const { id } = await at.create([at.workspaceId]);
    await world.database.collection<{ _id: string }>('keys').updateOne({ _id: id }, { $set: { state: 'PENDING' } });
    at.end(at.workspaceId);
    expect((await at.remove()).keysRevoked).toBe(1);
    expect((await recordOf(id))?.state).toBe('REVOKED');
  });

  it('refuses what is another organization’s, and what is not there', async () => {
    const at = setUp();
    const theirs = setUp();
    theirs.end(theirs.workspaceId);
    for (const id of [theirs.workspaceId, newId('ws')]) {
      await expect(at.remove(id)).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'WORKSPACE_NOT_FOUND' });
    }
  });

  it('goes on batch by batch', async () => {
    const at = setUp();
    const one = await at.create([at.workspaceId]);
    const record = await recordOf(one.id);
    if (!record) throw new Error('no key');
    const copies = Array.from({ length: 100 }, () => {
      const _id = newId('key');
      return { ...record, _id, hash: _id, principalId: newId('svc') };
    });
    await world.database.collection<KeyRecord>('keys').insertMany(copies);
    at.end(at.workspaceId);
    expect(await at.remove()).toEqual({ keysChanged: 0, keysRevoked: 100, more: true });
    expect(await at.remove()).toEqual({ keysChanged: 0, keysRevoked: 1, more: false });
  });
});

describe('personal tokens switched off', () => {
  it('refuses new ones, and a repeat gets its first answer', async () => {
    const at = setUp();
    const create = (requestId: string) =>
      createPersonalToken(world.deps)(
        { organizationId: at.organizationId, name: 'n', expireTime: undefined, permissions: [], requestId },
        context('CreatePersonalToken', at, { requestId }),
      );
    const first = await create('first');
    world.memory.facts.tokensDisabled.add(at.organizationId);
    await expect(create('second')).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'PERSONAL_TOKENS_DISABLED',
    });
    expect((await create('first')).token).toEqual(first.token);
    expect(await at.ask(first.secret, at.workspaceId)).toMatchObject({ allowed: true });
    world.memory.facts.tokensDisabled.delete(at.organizationId);
    await create('second');
  });
});
