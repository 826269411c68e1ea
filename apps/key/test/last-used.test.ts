import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { judge, Usage } from '@latchkey/facts';
import { eventually } from '@latchkey/testing';
import { createPersonalToken } from '../src/rpc/create-personal-token';
import { disablePersonalToken } from '../src/rpc/disable-personal-token';
import { getPersonalToken } from '../src/rpc/get-personal-token';
import { listPersonalTokens } from '../src/rpc/list-personal-tokens';
import { type UsageStore } from '../src/usage-store';
import { context, log, newId, readingEachTime, settle, startWorld, type World } from './world';

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 0, 1, 12);
const HOUR = 3_600_000;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const started: Usage[] = [];
afterEach(async () => {
  for (const usage of started.splice(0)) await usage.stop();
});

/** One replica's gathering, and the batches that it has written. Never by itself, unless `everyMs` says so. */
function replica({ everyMs = HOUR, limit = 100 } = {}) {
  const batches: string[][] = [];
  const state = { away: false };
  const write: UsageStore['advance'] = async (times) => {
    batches.push(times.map(([keyId]) => keyId));
    if (state.away) throw new Error('the database is away');
    await world.deps.usage.advance(times);
  };
  const usage = new Usage({ write, log, everyMs, limit });
  started.push(usage);
  return { usage, batches, state };
}

const lastUsed = async (keyId: string) => (await world.deps.usage.find([keyId])).get(keyId)?.getTime();

describe('last-used times are gathered and written in batches', () => {
  test('a thousand checks are one write for each key, of the minute', async () => {
    const { usage, batches } = replica();
    const keys = [newId('pat'), newId('pat'), newId('key')];
    for (let i = 0; i < 1_000; i++) for (const key of keys) usage.note(key, NOON + i);
    expect(batches).toEqual([]);
    await usage.flush();
    await usage.flush();
    expect(batches).toEqual([keys]);
    for (const key of keys) expect(await lastUsed(key)).toBe(NOON);
    usage.note(keys[0] ?? '', NOON + 1.9 * MINUTE);
    await usage.flush();
    expect(await lastUsed(keys[0] ?? '')).toBe(NOON + MINUTE);
    expect(await lastUsed(newId('pat'))).toBeUndefined();
  });

  test('they-never-go-backwards, with two replicas that write in any order', async () => {
    const [one, two] = [replica(), replica()];
    const key = newId('pat');
    const seen: number[] = [];
    for (const [by, minute] of [
      [one, 5],
      [two, 3],
      [two, 4],
      [one, 7],
      [two, 6],
      [one, 2],
      [two, 9],
      [one, 8],
    ] as const) {
      by.usage.note(key, NOON + minute * MINUTE);
      // What came late within one replica counts no more than what another wrote.
      by.usage.note(key, NOON + (minute - 2) * MINUTE);
      await by.usage.flush();
      seen.push(((await lastUsed(key)) ?? NaN) - NOON);
    }
    expect(seen.map((ms) => ms / MINUTE)).toEqual([5, 5, 5, 7, 7, 7, 9, 9]);
  });

  test('they are written by the clock, and what is left at the stop', async () => {
    const { usage, batches } = replica({ everyMs: 20 });
    const [first, last] = [newId('pat'), newId('pat')];
    usage.start();
    usage.note(first, NOON);
    await eventually(async () => expect(await lastUsed(first)).toBe(NOON));
    usage.note(last, NOON);
    await usage.stop();
    expect(await lastUsed(last)).toBe(NOON);
    const written = batches.length;
    usage.note(newId('pat'), NOON);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(batches).toHaveLength(written);
  });

  test('what cannot be written is written later', async () => {
    const { usage, state } = replica();
    const [older, newer] = [newId('pat'), newId('pat')];
    state.away = true;
    usage.note(older, NOON);
    usage.note(newer, NOON);
    const writing = usage.flush();
    usage.note(newer, NOON + MINUTE);
    await writing;
    state.away = false;
    await usage.flush();
    expect([await lastUsed(older), await lastUsed(newer)]).toEqual([NOON, NOON + MINUTE]);
  });

  test('memory-is-bounded: a full one is written early, and while the database is away takes no more', async () => {
    const { usage, batches, state } = replica({ limit: 10 });
    const keys = Array.from({ length: 25 }, () => newId('pat'));
    state.away = true;
    for (const key of keys) {
      usage.note(key, NOON);
      expect(usage.size).toBeLessThanOrEqual(10);
    }
    await eventually(() => expect(usage.size).toBe(10));
    // Once when it was full, and not again for each check that finds it full.
    expect(batches.length).toBeLessThanOrEqual(2);
    for (const key of keys) usage.note(key, NOON + MINUTE);
    expect(usage.size).toBe(10);

    state.away = false;
    for (let i = 0; i < 3; i++) {
      await usage.flush();
      for (const key of keys.slice(10 * i)) usage.note(key, NOON + MINUTE);
    }
    await usage.stop();
    for (const key of keys) expect(await lastUsed(key)).toBe(NOON + MINUTE);
  });
});

describe('what a use is', () => {
  /** A judge that tells of uses, and a live token of a member that may read, in one workspace. */
  async function reader() {
    const used: string[] = [];
    const { deps, memory } = world;
    const place = settle(memory);
    const { organizationId, workspaceId, memberId } = place;
    const workspaceRoles = new Map([[workspaceId, BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER]]);
    memory.facts.bindings.set(memberId, { workspaceRoles });
    const request = { organizationId, name: 'laptop', expireTime: undefined, permissions: [], requestId: '' };
    const { token, secret } = await createPersonalToken(deps)(request, context('CreatePersonalToken', place));
    const it = judge({
      memory: readingEachTime(deps.source, () => NOON),
      brand: 'lk',
      used: (keyId, nowMs) => used.push(`${keyId} ${nowMs}`) > 0,
    });
    const ask = async (permission: string, of: { workspaceId?: string; organizationId?: string } = {}) =>
      (await it.judgeKey(secret, { permission, workspaceId, organizationId: '', ...of })).reason;
    return { ...place, it, ask, used, secret, tokenId: token?.id ?? '', use: `${token?.id} ${NOON}` };
  }

  test('a use is told once a minute where it is taken, and with every check until it is', async () => {
    const { secret, tokenId, workspaceId } = await reader();
    const clock = { ms: NOON };
    const told: string[] = [];
    const taking = { now: false };
    const it = judge({
      memory: readingEachTime(world.deps.source, () => clock.ms, new Map()),
      brand: 'lk',
      used: (keyId, nowMs) => {
        told.push(`${keyId} ${nowMs}`);
        return taking.now;
      },
    });
    const ask = async (ms: number) => {
      clock.ms = ms;
      await it.judgeKey(secret, { permission: 'projects:read', workspaceId, organizationId: '' });
    };
    await ask(NOON);
    await ask(NOON + 1);
    taking.now = true;
    for (const ms of [2, 3, MINUTE - 1, MINUTE, MINUTE + 1]) await ask(NOON + ms);
    expect(told).toEqual([0, 1, 2, MINUTE].map((ms) => `${tokenId} ${NOON + ms}`));
  });

  test('a working key is used, whatever it is refused', async () => {
    const { it, ask, used, use, secret } = await reader();
    const reasons = [
      await ask('projects:read'),
      await ask('projects:write'),
      await ask('projects:nothing'),
      await ask('projects:read', { workspaceId: '' }),
      await ask('projects:read', { workspaceId: newId('ws') }),
      await ask('projects:read', { organizationId: newId('org') }),
      (await it.identifyKey(secret)).reason,
    ];
    expect(reasons).toEqual([
      'ALLOWED',
      'PERMISSION_MISSING',
      'UNKNOWN_PERMISSION',
      'SCOPE_REQUIRED',
      'WORKSPACE_NOT_FOUND',
      'WRONG_ORGANIZATION',
      'ALLOWED',
    ]);
    expect(used).toEqual(reasons.map(() => use));
  });

  test('a key that does not work, or whose holder does not, is not used', async () => {
    const { it, ask, used, secret, tokenId, ...place } = await reader();
    const { members } = world.memory.facts;
    const member = members.get(place.memberId);
    if (!member) throw new Error('there is a member');
    members.set(place.memberId, { ...member, state: 'SUSPENDED' });
    expect([await ask('projects:read'), (await it.identifyKey(secret)).reason]).toEqual([
      'PRINCIPAL_SUSPENDED',
      'PRINCIPAL_SUSPENDED',
    ]);
    members.set(place.memberId, member);
    const request = { organizationId: place.organizationId, tokenId, requestId: '' };
    await disablePersonalToken(world.deps)(request, context('DisablePersonalToken', place));
    expect([await ask('projects:read'), (await it.identifyKey(secret)).reason]).toEqual([
      'KEY_DISABLED',
      'KEY_DISABLED',
    ]);
    // A person has no key to be used.
    const { userId, organizationId } = place;
    await it.judgeUser(userId, { permission: 'organization:read', workspaceId: '', organizationId });
    expect(used).toEqual([]);
  });
});

test('get and list show it; it is no change of the key, and no entry of the trail', async () => {
  const { deps, memory, database } = world;
  const place = settle(memory);
  const { organizationId } = place;
  const create = { organizationId, name: 'laptop', expireTime: undefined, permissions: [], requestId: '' };
  const { token } = await createPersonalToken(deps)(create, context('CreatePersonalToken', place));
  const tokenId = token?.id ?? '';
  const get = async () =>
    (await getPersonalToken(deps)({ organizationId, tokenId }, context('GetPersonalToken', place))).token;
  const before = await get();
  expect(before?.lastUsedTime).toBeUndefined();
  const trail = await database.collection('audit_entries').countDocuments();

  await deps.usage.advance([[tokenId, new Date(NOON)]]);

  const after = { ...before, lastUsedTime: new Date(NOON) };
  expect(await get()).toEqual(after);
  const page = { organizationId, pageSize: 0, pageToken: '' };
  const { tokens } = await listPersonalTokens(deps)(page, context('ListPersonalTokens', place));
  expect(tokens).toEqual([after]);
  expect(await database.collection('audit_entries').countDocuments()).toBe(trail);
});
