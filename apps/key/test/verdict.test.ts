import { BUILT_IN_ROLE_IDS, DEFAULT_LEGACY_SUNSET } from '@latchkey/decision';
import { guardBy, hashSecret, judge, newSecret } from '@latchkey/facts';
import { AppError } from '@latchkey/service';
import { type FactSource } from '../src/fact-source';
import { type KeyRecord } from '../src/key';
import { context, memoryFacts, newId, readingEachTime, settle } from './world';

const secret = newSecret('lk', 'PERSONAL', new Uint8Array(32).fill(1));
const serviceSecret = newSecret('lk', 'SERVICE', new Uint8Array(32).fill(2));
const legacySecret = 'ls__an-old-key';

function world(now = Date.UTC(2026, 0, 1)) {
  const memory = memoryFacts();
  const place = settle(memory);
  const records = new Map<string, KeyRecord>();
  const sunsets = new Map<string, Date>();
  const add = (of: string, more: Partial<KeyRecord> = {}): KeyRecord => {
    const record: KeyRecord = {
      _id: newId('pat'),
      kind: 'PERSONAL',
      origin: 'NATIVE',
      organizationId: place.organizationId,
      principalId: place.memberId,
      userId: place.userId,
      hash: hashSecret(of),
      hint: '',
      name: 'test',
      state: 'ACTIVE',
      workspaceIds: [],
      roleId: '',
      createdBy: place.memberId,
      createTime: new Date(0),
      ...more,
    };
    records.set(hashSecret(of), record);
    return record;
  };
  const addService = (of: string, more: Partial<KeyRecord> = {}): KeyRecord => {
    const principalId = newId('svc');
    memory.facts.bindings.set(principalId, {
      workspaceRoles: new Map([[place.workspaceId, BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN]]),
    });
    return add(of, { _id: newId('key'), kind: 'SERVICE', principalId, userId: '', ...more });
  };
  let keyReads = 0;
  const source: FactSource = {
    ...memory.source,
    findKey: (hash) => {
      keyReads += 1;
      return Promise.resolve(records.get(hash));
    },
    findLegacySunset: (organizationId) => Promise.resolve(sunsets.get(organizationId)),
  };
  const { facts } = memory;
  const it = judge({ memory: readingEachTime(source, () => now), brand: 'lk' });
  const ctx = context('Authorize', place);
  const ask = (of: string, permission = 'projects:read', workspaceId = place.workspaceId, organizationId = '') =>
    it.judgeKey(of, { permission, workspaceId, organizationId });
  return { ...place, facts, add, addService, sunsets, it, ask, ctx, keyReads: () => keyReads };
}

describe('a key is judged by fresh facts of its owners', () => {
  it('allows what its member may, and names member, person and key', async () => {
    const w = world();
    const key = w.add(secret);
    expect(await w.ask(secret)).toMatchObject({
      allowed: true,
      reason: 'ALLOWED',
      principal: { organizationId: w.organizationId, principalId: w.memberId, userId: w.userId, keyId: key._id },
    });
    expect(await w.ask(secret, 'organization:read', '', w.organizationId)).toMatchObject({ allowed: true });
  });

  it.each([
    [
      'a removed member',
      (w: ReturnType<typeof world>) =>
        w.facts.members.set(w.memberId, { ...w.facts.members.get(w.memberId)!, state: 'REMOVED' }),
      'PRINCIPAL_REMOVED',
    ],
    [
      'a joining member',
      (w: ReturnType<typeof world>) =>
        w.facts.members.set(w.memberId, { ...w.facts.members.get(w.memberId)!, state: 'JOINING' }),
      'PRINCIPAL_REMOVED',
    ],
    ['an absent member', (w: ReturnType<typeof world>) => w.facts.members.clear(), 'PRINCIPAL_REMOVED'],
    [
      'an organization that is gone',
      (w: ReturnType<typeof world>) => w.facts.organizations.clear(),
      'PRINCIPAL_REMOVED',
    ],
    ['no roles', (w: ReturnType<typeof world>) => w.facts.bindings.clear(), 'PERMISSION_MISSING'],
    ['a role that is gone', (w: ReturnType<typeof world>) => w.facts.roles.clear(), 'PERMISSION_MISSING'],
    ['a deleted workspace', (w: ReturnType<typeof world>) => w.facts.workspaces.clear(), 'WORKSPACE_NOT_FOUND'],
  ])('refuses with %s', async (_name, change, reason) => {
    const w = world();
    w.add(secret);
    change(w);
    expect(await w.ask(secret)).toMatchObject({ allowed: false, reason });
  });

  it.each([
    ['revoked', { state: 'REVOKED', revokedBecause: 'DELETED' }, 'KEY_REVOKED'],
    ['revoked with its member', { state: 'REVOKED', revokedBecause: 'PRINCIPAL_REMOVED' }, 'PRINCIPAL_REMOVED'],
    ['expired', { expireTime: new Date(Date.UTC(2026, 0, 1)) }, 'KEY_EXPIRED'],
    ['narrowed to something else', { permissions: ['projects:write'] }, 'PERMISSION_MISSING'],
    ['narrowed to what the catalogue has lost', { permissions: ['gone:gone'] }, 'PERMISSION_MISSING'],
  ] satisfies [string, Partial<KeyRecord>, string][])('refuses a key that is %s', async (_name, more, reason) => {
    const w = world();
    w.add(secret, more);
    expect(await w.ask(secret)).toMatchObject({ allowed: false, reason, principal: { userId: w.userId } });
  });

  it('refuses a dead key although every other service is away', async () => {
    const w = world();
    w.add(secret, { state: 'REVOKED', revokedBecause: 'DELETED' });
    w.facts.down = true;
    expect(await w.ask(secret)).toMatchObject({ allowed: false, reason: 'KEY_REVOKED' });
    expect(w.facts.calls).toEqual([]);
  });

  it('never allows while an owner is away: the error passes through', async () => {
    const w = world();
    w.add(secret);
    w.facts.down = true;
    await expect(w.ask(secret)).rejects.toBeInstanceOf(AppError);
  });

  it('finds a malformed key without any look-up', async () => {
    const w = world();
    expect(await w.ask(`${secret.slice(0, -1)}!`)).toEqual({
      allowed: false,
      reason: 'MALFORMED_KEY',
      decisionId: expect.any(String) as string,
    });
    expect(w.keyReads()).toBe(0);
  });

  it('says nothing of a principal for an unknown key, and neither for one that is not bound yet', async () => {
    const w = world();
    const unknown = await w.ask(serviceSecret);
    w.addService(serviceSecret, { state: 'PENDING' });
    const pending = await w.ask(serviceSecret);
    for (const verdict of [unknown, pending]) {
      expect(verdict).toMatchObject({ allowed: false, reason: 'UNKNOWN_KEY' });
      expect(verdict.principal).toBeUndefined();
    }
  });

  it('answers for a malformed workspace id as for an absent one, without asking for it', async () => {
    const w = world();
    w.add(secret);
    expect(await w.ask(secret, 'projects:read', 'ws_nonsense')).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
    expect(w.facts.calls).not.toContain('workspace');
    expect(await w.ask(secret, 'projects:read', newId('ws'))).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
  });

  it('checks the organization when it is given, and requires the scope that the permission has', async () => {
    const w = world();
    w.add(secret);
    expect(await w.ask(secret, 'projects:read', w.workspaceId, newId('org'))).toMatchObject({
      reason: 'WRONG_ORGANIZATION',
    });
    expect(await w.ask(secret, 'projects:read', '')).toMatchObject({ reason: 'SCOPE_REQUIRED' });
    expect(await w.ask(secret, 'organization:read', '', '')).toMatchObject({ reason: 'SCOPE_REQUIRED' });
    expect(await w.ask(secret, 'nothing:read')).toMatchObject({ reason: 'UNKNOWN_PERMISSION' });
  });

  it('gives every decision another id', async () => {
    const w = world();
    w.add(secret);
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await w.ask(secret)).decisionId));
    expect(new Set(ids).size).toBe(20);
  });
});

describe('service keys do not depend on people', () => {
  it('goes on when its creator is removed', async () => {
    const w = world();
    w.addService(serviceSecret);
    w.facts.members.clear();
    expect(await w.ask(serviceSecret, 'projects:write')).toMatchObject({ allowed: true, principal: { userId: '' } });
  });
});

describe('legacy keys end at the sunset', () => {
  it('is refused after the default sunset, and works with a notice once it is moved', async () => {
    const w = world();
    w.addService(legacySecret, { origin: 'LEGACY' });
    const refused = await w.ask(legacySecret);
    expect(refused).toMatchObject({ allowed: false, reason: 'LEGACY_KEY_SUNSET' });
    expect(refused.legacySunset).toBeUndefined();
    const sunset = Date.UTC(2027, 0, 1);
    w.sunsets.set(w.organizationId, new Date(sunset));
    expect(await w.ask(legacySecret)).toMatchObject({ allowed: true, legacySunset: sunset });
    expect(await w.it.identifyKey(legacySecret)).toMatchObject({ allowed: true, legacySunset: sunset });
  });

  it('works until the default sunset where nobody has moved it', async () => {
    const w = world(DEFAULT_LEGACY_SUNSET - 1);
    w.addService(legacySecret, { origin: 'LEGACY' });
    const sunset = DEFAULT_LEGACY_SUNSET;
    expect(await w.ask(legacySecret)).toMatchObject({ allowed: true, legacySunset: sunset });
    expect(await w.it.identifyKey(legacySecret)).toMatchObject({ legacySunset: sunset });
  });
});

describe('the guard of this service is the same chain', () => {
  it('identifies a key in its own organization only', async () => {
    const w = world();
    w.add(secret);
    const guard = guardBy(w.it);
    const credential = { kind: 'key', secret } as const;
    expect(await guard.identify(credential, w.organizationId, w.ctx)).toMatchObject({ reason: 'ALLOWED' });
    expect(await guard.identify(credential, newId('org'), w.ctx)).toMatchObject({ reason: 'WRONG_ORGANIZATION' });
  });

  it('finds an asserted user by the live membership, and nobody in a foreign or malformed organization', async () => {
    const w = world();
    const guard = guardBy(w.it);
    const credential = { kind: 'user', userId: w.userId } as const;
    const may = (organizationId: string) => guard.authorize(credential, 'organization:read', { organizationId }, w.ctx);
    expect(await may(w.organizationId)).toMatchObject({ allowed: true, principal: { principalId: w.memberId } });
    for (const organizationId of [newId('org'), 'org_x']) {
      const outcome = await may(organizationId);
      expect(outcome).toMatchObject({ allowed: false, reason: 'PRINCIPAL_REMOVED' });
      expect(outcome.principal).toBeUndefined();
    }
  });
});
