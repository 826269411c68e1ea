import { type Delta, type Entity, Mutations, type Subject } from '@latchkey/coherence';
import { hashSecret, type KnownKey, type Value } from '@latchkey/facts';
import { type PrincipalContext, systemContext } from '@latchkey/service';
import { fillFrom } from '../src/fill';
import { renewKey } from '../src/key-delta';
import { createPersonalToken } from '../src/rpc/create-personal-token';
import { createServiceKey } from '../src/rpc/create-service-key';
import { deletePersonalToken } from '../src/rpc/delete-personal-token';
import { deleteServiceKey } from '../src/rpc/delete-service-key';
import { disablePersonalToken } from '../src/rpc/disable-personal-token';
import { disableServiceKey } from '../src/rpc/disable-service-key';
import { enablePersonalToken } from '../src/rpc/enable-personal-token';
import { enableServiceKey } from '../src/rpc/enable-service-key';
import { rotatePersonalToken } from '../src/rpc/rotate-personal-token';
import { updatePersonalToken } from '../src/rpc/update-personal-token';
import { type Deps } from '../src/deps';
import { context, log, settle, startWorld, type World } from './world';

let world: World;
/** What replicas are told of the changes, as Redis brings it to them. */
let told: (Delta | undefined)[] = [];
let deps: Deps;
beforeAll(async () => {
  world = await startWorld();
  const barrier = {
    pass: (events: readonly { readonly delta?: Delta }[]) => {
      told.push(...events.map(({ delta }) => (delta ? (JSON.parse(JSON.stringify(delta)) as Delta) : undefined)));
      return Promise.resolve();
    },
  };
  deps = { ...world.deps, mutations: new Mutations({ connection: world.database, log, barrier }) };
}, 60_000);
afterAll(() => world?.stop());

const REQUEST = { requestId: '' };

/** A personal token and a service key of one member, and the changes that they can go through. */
async function setUp() {
  const place = settle(world.memory);
  const { organizationId, workspaceId } = place;
  const as = (rpc: string): PrincipalContext => context(rpc, place);
  const narrowed = {
    ...REQUEST,
    organizationId,
    name: 'laptop',
    expireTime: undefined,
    permissions: ['projects:read'],
  };
  const token = await createPersonalToken(deps)(narrowed, as('CreatePersonalToken'));
  const key = await createServiceKey(deps)(
    { ...REQUEST, organizationId, name: 'bot', workspaceIds: [workspaceId], roleId: '', expireTime: undefined },
    as('CreateServiceKey'),
  );
  const ofToken = { ...REQUEST, organizationId, tokenId: token.token?.id ?? '' };
  const ofKey = { ...REQUEST, organizationId, keyId: key.key?.id ?? '' };
  const update = (more: { name?: string; permissions?: string[] }) => {
    const { name = '', permissions } = more;
    const request = { ...ofToken, name, etag: '', narrowing: permissions && { permissions } };
    return updatePersonalToken(deps)(request, as('UpdatePersonalToken'));
  };
  const changes: Record<string, () => Promise<unknown>> = {
    'disable a token': () => disablePersonalToken(deps)(ofToken, as('DisablePersonalToken')),
    'enable a token': () => enablePersonalToken(deps)(ofToken, as('EnablePersonalToken')),
    'rename a token': () => update({ name: 'desktop' }),
    'narrow a token': () => update({ permissions: ['projects:write', 'projects:read'] }),
    'narrow and rename a token': () => update({ permissions: ['projects:write'], name: 'tower' }),
    'lift a narrowing': () => update({ permissions: [] }),
    'delete a token': () => deletePersonalToken(deps)(ofToken, as('DeletePersonalToken')),
    'disable a service key': () => disableServiceKey(deps)(ofKey, as('DisableServiceKey')),
    'enable a service key': () => enableServiceKey(deps)(ofKey, as('EnableServiceKey')),
    'delete a service key': () => deleteServiceKey(deps)(ofKey, as('DeleteServiceKey')),
  };
  return { token: token.secret, key: key.secret, ofToken, as, changes };
}

async function read(secret: string): Promise<Entity<Value>> {
  const load = fillFrom(world.deps.source, () => systemContext('key', { log, timeoutMs: 2_000 }));
  const subject: Subject = { by: 'hash', hash: hashSecret(secret) };
  const [entity] = (await load(subject)).entities;
  if (!entity) throw new Error('the key is not found');
  return entity;
}

describe('what replicas are told of a change makes of the key before it what is read after it', () => {
  it('for every change that is told', async () => {
    const { token, key, changes } = await setUp();
    for (const [name, change] of Object.entries(changes)) {
      const secret = name.includes('service key') ? key : token;
      const before = await read(secret);
      told = [];
      await change();
      const [delta] = told;
      const after = await read(secret);
      expect([name, delta?.version, after.version]).toEqual([
        name,
        (before.version ?? 0) + 1,
        (before.version ?? 0) + 1,
      ]);
      expect([name, renewKey(before, delta?.fields ?? {})]).toEqual([name, after.value]);
      // Whoever walks over them finds their fields in the same order.
      if (!name.includes('narrow'))
        expect(Object.keys(renewKey(before, delta?.fields ?? {}) ?? {})).toEqual(Object.keys(after.value));
    }
  });

  it('and a change to other hashes is not told: the key is read anew', async () => {
    const { ofToken, as } = await setUp();
    told = [];
    await rotatePersonalToken(deps)({ ...ofToken, overlap: undefined }, as('RotatePersonalToken'));
    expect(told).toEqual([undefined, undefined]);
  });
});

describe('a key is read anew', () => {
  const key = async (): Promise<Entity<Value>> => read((await setUp()).token);

  it.each<[string, Delta['fields']]>([
    ['a field that this version does not know', { state: 'DISABLED', region: 'eu' }],
    ['a state that this version does not know', { state: 'QUARANTINED' }],
    ['a state that is none of a live key', { state: 'PENDING' }],
    ['a narrowing that is none', { narrowedTo: 'projects:read' }],
  ])('after a change with %s', async (_what, fields) => {
    const held = await key();
    expect(renewKey(held, { state: 'DISABLED' })).toMatchObject({ state: 'DISABLED' });
    expect(renewKey(held, fields)).toBeUndefined();
  });

  it.each(['PENDING', 'REVOKED'] as const)('that is held as %s', async (state) => {
    const held = await key();
    expect(renewKey({ ...held, value: { ...(held.value as KnownKey), state } }, { state: 'ACTIVE' })).toBeUndefined();
  });

  it('that is no key at all', async () => {
    expect(renewKey({ ...(await key()), kind: 'member' }, { state: 'DISABLED' })).toBeUndefined();
  });
});
