import { type KeyRecord } from '../src/key';
import { createPersonalToken } from '../src/rpc/create-personal-token';
import { deletePersonalToken } from '../src/rpc/delete-personal-token';
import { getPersonalToken } from '../src/rpc/get-personal-token';
import { listPersonalTokens } from '../src/rpc/list-personal-tokens';
import { revokeMemberTokens } from '../src/rpc/revoke-member-tokens';
import { hashSecret, newSecret } from '@latchkey/facts';
import { context, log, newId, settle, startWorld, type World } from './world';
import { systemContext } from '@latchkey/service';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const REQUEST = { name: 'laptop', expireTime: undefined, permissions: [] as string[], requestId: '' };

function setUp() {
  const { deps, memory } = world;
  const place = settle(memory);
  const { organizationId, memberId } = place;
  const worker = { ...systemContext('worker', { log, timeoutMs: 30_000 }), rpc: 'latchkey.key.v1.Test/Revoke' };
  return {
    ...place,
    create: (more: { requestId?: string; permissions?: string[] } = {}) =>
      createPersonalToken(deps)(
        { ...REQUEST, organizationId, ...more },
        context('CreatePersonalToken', place, { requestId: more.requestId ?? '' }),
      ),
    remove: (tokenId: string) =>
      deletePersonalToken(deps)({ organizationId, tokenId, requestId: '' }, context('DeletePersonalToken', place)),
    get: (tokenId: string) => getPersonalToken(deps)({ organizationId, tokenId }, context('GetPersonalToken', place)),
    list: (pageSize = 0, pageToken = '') =>
      listPersonalTokens(deps)({ organizationId, pageSize, pageToken }, context('ListPersonalTokens', place)),
    revokeAll: (deletionId = newId('del')) =>
      revokeMemberTokens(deps)({ organizationId, memberId, deletionId }, worker),
    leave: () =>
      memory.facts.members.set(memberId, { id: memberId, organizationId, userId: place.userId, state: 'REMOVED' }),
  };
}

const stored = async (): Promise<string> =>
  JSON.stringify(
    await Promise.all(
      (await world.database.listCollections()).map(({ name }) => world.database.collection(name).find().toArray()),
    ),
    // BSON binaries hide their bytes from JSON.
    (_key, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value),
  );

it('shows a secret once, and stores its hash alone', async () => {
  const at = setUp();
  const first = await at.create({ requestId: 'once' });
  expect(first).toMatchObject({ secretAlreadyShown: false, secret: expect.stringMatching(/^lk_pat_/) as string });
  const again = await at.create({ requestId: 'once' });
  expect(again).toEqual({ token: first.token, secret: '', secretAlreadyShown: true });
  expect((await world.deps.keys.findByHash(hashSecret(first.secret)))?._id).toBe(first.token?.id);
  expect(await stored()).not.toContain(first.secret.slice(7, 40));
});

it('keeps tokens to their owner, and lists the live ones page by page', async () => {
  const at = setUp();
  const other = setUp();
  const made = [await at.create(), await at.create(), await at.create()].map(({ token }) => token?.id ?? '');
  await at.remove(made[1]!);
  const page = await at.list(1);
  expect(page.tokens.map((token) => token.id)).toEqual([made[0]]);
  expect(await at.list(1, page.nextPageToken)).toMatchObject({ tokens: [{ id: made[2] }], nextPageToken: '' });
  const calls = [
    () => at.get(made[1]!),
    () => at.remove(made[1]!),
    () => other.get(made[0]!),
    () => other.remove(made[0]!),
  ];
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'KEY_NOT_FOUND' });
  }
});

it('narrows to permissions of the catalogue only, and names each other one', async () => {
  const at = setUp();
  const { token } = await at.create({ permissions: ['projects:read'] });
  expect(token?.permissions).toEqual(['projects:read']);
  await expect(at.create({ permissions: ['projects:read', 'x:y', 'z:y'] })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    violations: [{ field: 'permissions[1]' }, { field: 'permissions[2]' }],
  });
});

it('creates no more than the limit, also when many are created at once', async () => {
  const at = setUp();
  await at.create();
  await world.database
    .collection<{ _id: string }>('token_owners')
    .updateOne({ _id: at.memberId }, { $set: { live: 9_998 } });
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => at.create()));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'TOO_MANY_TOKENS' });
  }
});

it('lets a member that never had a token create several at once', async () => {
  const at = setUp();
  await Promise.all(Array.from({ length: 5 }, () => at.create()));
  expect((await at.list()).tokens).toHaveLength(5);
});

describe('a removed member keeps no token', () => {
  it('revokes nothing while the member is there', async () => {
    const at = setUp();
    await at.create();
    await expect(at.revokeAll()).rejects.toMatchObject({ reason: 'MEMBER_NOT_REMOVED' });
    expect((await at.list()).tokens).toHaveLength(1);
  });

  it('revokes so many in a call, counts each token once, and says the same on a repeat', async () => {
    const at = setUp();
    const record = (i: number): KeyRecord => ({
      _id: newId('pat'),
      kind: 'PERSONAL',
      origin: 'NATIVE',
      organizationId: at.organizationId,
      principalId: at.memberId,
      userId: at.userId,
      hash: hashSecret(newSecret('lk', 'PERSONAL', new Uint8Array(32).fill(i + 1)) + i),
      hint: '',
      name: 'many',
      state: 'ACTIVE',
      workspaceIds: [],
      roleId: '',
      createdBy: at.memberId,
      createTime: new Date(),
    });
    await world.deps.mutations.run(
      context('Seed', at),
      { encode: () => ({ finish: () => new Uint8Array() }), decode: () => 0 },
      async (tx) => {
        await world.deps.keys.insert(
          Array.from({ length: 2_250 }, (_, i) => record(i)),
          tx.session,
        );
        await world.deps.owners.count(at, { live: 2_250 }, tx.session);
        return tx.underway(0);
      },
    );
    at.leave();
    const deletionId = newId('del');
    expect(await at.revokeAll(deletionId)).toEqual({ deletedInAll: 2_000, more: true });
    expect(await at.revokeAll(deletionId)).toEqual({ deletedInAll: 2_250, more: false });
    expect(await at.revokeAll(deletionId)).toEqual({ deletedInAll: 2_250, more: false });
    expect((await at.list()).tokens).toEqual([]);
    const { entries } = await world.deps.mutations.listAudit({ organizationId: at.organizationId, pageSize: 200 });
    expect(entries.filter(({ objectKind }) => objectKind === 'key')).toHaveLength(200);
  });

  it('token-created-during-deletion: the token of one who is removed meanwhile is revoked, and its secret not shown', async () => {
    const at = setUp();
    const { deps, memory } = world;
    const { getMember } = deps.source;
    const slow = {
      ...deps,
      source: {
        ...deps.source,
        getMember: (...args: Parameters<typeof getMember>) => (at.leave(), getMember(...args)),
      },
    };
    const call = createPersonalToken(slow)(
      { ...REQUEST, organizationId: at.organizationId },
      context('CreatePersonalToken', at),
    );
    await expect(call).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'ORGANIZATION_NOT_FOUND' });
    expect((await at.list()).tokens).toEqual([]);
    expect(memory.facts.members.get(at.memberId)?.state).toBe('REMOVED');
    expect(await at.revokeAll()).toEqual({ deletedInAll: 1, more: false });
  });

  it('creates none after the first sweep, even for one who asks with an old word of identity', async () => {
    const at = setUp();
    const { deps, memory } = world;
    const member = memory.facts.members.get(at.memberId);
    at.leave();
    await at.revokeAll();
    // Nothing but the sweep's own mark knows better.
    const belated = { ...deps, source: { ...deps.source, getMember: () => Promise.resolve(member) } };
    const call = createPersonalToken(belated)(
      { ...REQUEST, organizationId: at.organizationId },
      context('CreatePersonalToken', at),
    );
    await expect(call).rejects.toMatchObject({ reason: 'ORGANIZATION_NOT_FOUND' });
    expect(await at.revokeAll()).toEqual({ deletedInAll: 0, more: false });
  });
});
