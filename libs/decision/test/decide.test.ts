import {
  BUILT_IN_ROLE_IDS,
  decide,
  type Decision,
  DEFAULT_LEGACY_SUNSET,
  type Facts,
  isOrganizationAdmin,
  type KeyFact,
  PermissionSet,
  type Question,
} from '../src';

const NOW = Date.UTC(2025, 0, 1);
const READ = 0;
const MANAGE = 1;
const RUNS = 2;
const RUN = 3;

const KEY: KeyFact = { id: 'pat_1', kind: 'PERSONAL', state: 'ACTIVE', organizationId: 'org_1', principalId: 'mem_1' };

const FACTS = {
  entry: { kind: 'key', key: KEY },
  organization: { id: 'org_1', state: 'ACTIVE' },
  principal: { id: 'mem_1', organizationId: 'org_1', state: 'ACTIVE', userId: 'user_1' },
  workspace: { id: 'ws_1', organizationId: 'org_1', state: 'ACTIVE' },
  binding: { organizationRoleId: 'role_user', workspaceRoles: new Map([['ws_1', 'role_editor']]) },
  roles: new Map([
    ['role_user', { scope: 'organization', permissions: PermissionSet.of([READ]) }],
    ['role_editor', { scope: 'workspace', permissions: PermissionSet.of([MANAGE, RUNS]) }],
  ]),
  catalogue: {
    version: 1,
    permissions: new Map([
      ['organization:read', { number: READ, scope: 'organization' }],
      ['organization:manage', { number: MANAGE, scope: 'organization' }],
      ['runs:read', { number: RUNS, scope: 'workspace' }],
      ['runs:create', { number: RUN, scope: 'workspace' }],
    ]),
  },
} satisfies Facts;

const QUESTION: Question = { permission: 'runs:read', workspaceId: 'ws_1', organizationId: '' };
const ALLOWED: Decision = { allowed: true, reason: 'ALLOWED' };

const ask = (question: Partial<Question>, facts: Partial<Facts> = {}): Decision =>
  decide({ ...QUESTION, ...question }, { ...FACTS, ...facts }, NOW);
const withKey = (key: Partial<KeyFact>, facts: Partial<Facts> = {}): Decision =>
  ask({}, { entry: { kind: 'key', key: { ...KEY, ...key } }, ...facts });
const organizationRole = (...numbers: number[]): Partial<Facts> => ({
  roles: new Map([...FACTS.roles, ['role_user', { scope: 'organization', permissions: PermissionSet.of(numbers) }]]),
});

describe('decide', () => {
  it('allows what the workspace role holds, with and without naming the organization', () => {
    expect(ask({})).toEqual(ALLOWED);
    expect(ask({ organizationId: 'org_1' })).toEqual(ALLOWED);
  });

  it('allows what the organization role holds, in the organization', () => {
    expect(ask({ permission: 'organization:read', workspaceId: '', organizationId: 'org_1' })).toEqual(ALLOWED);
  });

  it('organization-roles-reach-every-workspace: their workspace permissions hold in each', () => {
    const other = { workspace: { id: 'ws_2', organizationId: 'org_1', state: 'ACTIVE' } } as const;
    expect(ask({ workspaceId: 'ws_2' }, { ...other, ...organizationRole(RUNS) })).toEqual(ALLOWED);
    expect(ask({ workspaceId: 'ws_2' }, other).reason).toBe('PERMISSION_MISSING');
  });

  it('workspace-roles-stay-in-their-workspace: their organization permissions count for nothing', () => {
    const question = { permission: 'organization:manage', organizationId: 'org_1' };
    expect(ask(question).reason).toBe('PERMISSION_MISSING');
    expect(ask({ ...question, workspaceId: '' }).reason).toBe('PERMISSION_MISSING');
  });

  it('a role bound where it was not made for, or without a fact, grants nothing', () => {
    const swapped = { organizationRoleId: 'role_editor', workspaceRoles: new Map([['ws_1', 'role_user']]) };
    expect(ask({}, { binding: swapped }).reason).toBe('PERMISSION_MISSING');
    expect(ask({}, { roles: new Map() }).reason).toBe('PERMISSION_MISSING');
    expect(ask({}, { binding: undefined }).reason).toBe('PERMISSION_MISSING');
  });

  it('a narrowed key may less than its principal, never more', () => {
    expect(withKey({ permissions: PermissionSet.of([RUNS, RUN]) })).toEqual(ALLOWED);
    expect(withKey({ permissions: PermissionSet.of([RUN]) }).reason).toBe('PERMISSION_MISSING');
    expect(withKey({ permissions: PermissionSet.EMPTY }).reason).toBe('PERMISSION_MISSING');
  });

  it('says why a key is refused', () => {
    expect(ask({}, { entry: { kind: 'key', key: undefined } }).reason).toBe('UNKNOWN_KEY');
    expect(withKey({ state: 'PENDING' }).reason).toBe('UNKNOWN_KEY');
    expect(withKey({ state: 'REVOKED' }).reason).toBe('KEY_REVOKED');
    expect(withKey({ state: 'REVOKED', revokedBecause: 'DELETED' }).reason).toBe('KEY_REVOKED');
    expect(withKey({ state: 'REVOKED', revokedBecause: 'PRINCIPAL_REMOVED' }).reason).toBe('PRINCIPAL_REMOVED');
    expect(withKey({ state: 'DISABLED' }).reason).toBe('KEY_DISABLED');
    expect(withKey({ state: 'ROTATED_OUT' }).reason).toBe('KEY_ROTATED_OUT');
  });

  it('takes a secret that was rotated out until its overlap is over, to the millisecond', () => {
    expect(withKey({ overlapEndTime: NOW + 1 })).toEqual(ALLOWED);
    expect(withKey({ overlapEndTime: NOW }).reason).toBe('KEY_ROTATED_OUT');
    expect(withKey({ overlapEndTime: Number.NaN }).reason).toBe('KEY_ROTATED_OUT');
    expect(withKey({ overlapEndTime: NOW + 1, state: 'DISABLED' }).reason).toBe('KEY_DISABLED');
  });

  it('expires at its very millisecond', () => {
    expect(withKey({ expireTime: NOW + 1 })).toEqual(ALLOWED);
    expect(withKey({ expireTime: NOW }).reason).toBe('KEY_EXPIRED');
    expect(withKey({ expireTime: Number.NaN }).reason).toBe('KEY_EXPIRED');
  });

  it('legacy-keys-end-at-their-sunset: 2024-07-01 unless moved, and say so while they work', () => {
    const legacy = (nowMs: number, legacySunset?: number): Decision =>
      decide(
        QUESTION,
        {
          ...FACTS,
          entry: { kind: 'key', key: { ...KEY, kind: 'LEGACY' } },
          organization: { id: 'org_1', state: 'ACTIVE', legacySunset },
        },
        nowMs,
      );
    expect(new Date(DEFAULT_LEGACY_SUNSET).toISOString()).toBe('2024-07-01T00:00:00.000Z');
    expect(legacy(DEFAULT_LEGACY_SUNSET - 1)).toEqual({ ...ALLOWED, legacySunset: DEFAULT_LEGACY_SUNSET });
    expect(legacy(DEFAULT_LEGACY_SUNSET)).toEqual({ allowed: false, reason: 'LEGACY_KEY_SUNSET' });
    expect(legacy(NOW, NOW + 1)).toEqual({ ...ALLOWED, legacySunset: NOW + 1 });
    expect(legacy(NOW, NOW)).toEqual({ allowed: false, reason: 'LEGACY_KEY_SUNSET' });
    expect(withKey({ kind: 'SERVICE' }, { organization: { id: 'org_1', state: 'ACTIVE', legacySunset: 0 } })).toEqual(
      ALLOWED,
    );
  });

  it('says why a principal is refused', () => {
    const principal = FACTS.principal;
    expect(ask({}, { principal: undefined }).reason).toBe('PRINCIPAL_REMOVED');
    expect(ask({}, { principal: { ...principal, state: 'JOINING' } }).reason).toBe('PRINCIPAL_REMOVED');
    expect(ask({}, { principal: { ...principal, state: 'REMOVED' } }).reason).toBe('PRINCIPAL_REMOVED');
    expect(ask({}, { principal: { ...principal, state: 'SUSPENDED' } }).reason).toBe('PRINCIPAL_SUSPENDED');
    expect(ask({}, { organization: undefined }).reason).toBe('PRINCIPAL_REMOVED');
    expect(ask({}, { organization: { id: 'org_1', state: 'CREATING' } }).reason).toBe('PRINCIPAL_REMOVED');
    expect(ask({}, { organization: { id: 'org_1', state: 'DELETED' } }).reason).toBe('PRINCIPAL_REMOVED');
  });

  it('facts-of-another-are-none: a chain whose links do not fit together allows nothing', () => {
    expect(withKey({ principalId: 'mem_2' }).reason).toBe('PRINCIPAL_REMOVED');
    expect(withKey({ organizationId: 'org_2' }).reason).toBe('PRINCIPAL_REMOVED');
    expect(ask({}, { organization: { id: 'org_2', state: 'ACTIVE' } }).reason).toBe('PRINCIPAL_REMOVED');
    expect(ask({}, { entry: { kind: 'user', userId: 'user_2' } }).reason).toBe('PRINCIPAL_REMOVED');
    expect(ask({ workspaceId: 'ws_2' }).reason).toBe('WORKSPACE_NOT_FOUND');
  });

  it('a signed-in person enters at the principal; nobody is not a service account', () => {
    expect(ask({}, { entry: { kind: 'user', userId: 'user_1' } })).toEqual(ALLOWED);
    const account = { ...FACTS.principal, userId: '' };
    expect(ask({}, { entry: { kind: 'user', userId: '' }, principal: account }).reason).toBe('PRINCIPAL_REMOVED');
  });

  it('says what is wrong with the question', () => {
    expect(ask({ organizationId: 'org_2' }).reason).toBe('WRONG_ORGANIZATION');
    expect(ask({ permission: 'runs:fly' }).reason).toBe('UNKNOWN_PERMISSION');
    expect(ask({ workspaceId: '' }).reason).toBe('SCOPE_REQUIRED');
    expect(ask({ permission: 'organization:read' }).reason).toBe('SCOPE_REQUIRED');
  });

  it('tenant-cannot-see-tenant: absent, deleted and foreign workspaces get one answer, whatever was asked', () => {
    const foreign = { id: 'ws_1', organizationId: 'org_2', state: 'ACTIVE' } as const;
    const deleted = { id: 'ws_1', organizationId: 'org_1', state: 'DELETED' } as const;
    for (const workspace of [undefined, foreign, deleted]) {
      for (const permission of ['runs:read', 'organization:read']) {
        const answer = ask({ permission, organizationId: 'org_1' }, { workspace, ...organizationRole(READ, RUNS) });
        expect(answer).toEqual({ allowed: false, reason: 'WORKSPACE_NOT_FOUND' });
      }
    }
  });

  it('names the first reason in the documented order', () => {
    const chain: [string, Partial<Facts>, Partial<Question>][] = [
      ['KEY_REVOKED', { entry: { kind: 'key', key: { ...KEY, kind: 'LEGACY', state: 'REVOKED', expireTime: 0 } } }, {}],
      ['KEY_EXPIRED', { entry: { kind: 'key', key: { ...KEY, kind: 'LEGACY', expireTime: 0 } } }, {}],
      ['LEGACY_KEY_SUNSET', { entry: { kind: 'key', key: { ...KEY, kind: 'LEGACY' } } }, {}],
      ['PRINCIPAL_REMOVED', { organization: undefined }, {}],
      ['PRINCIPAL_SUSPENDED', { principal: { ...FACTS.principal, state: 'SUSPENDED' } }, {}],
      ['WRONG_ORGANIZATION', {}, { organizationId: 'org_2' }],
      ['UNKNOWN_PERMISSION', {}, { permission: 'runs:fly', workspaceId: '' }],
      ['SCOPE_REQUIRED', {}, { permission: 'organization:read', workspaceId: 'ws_9' }],
      ['WORKSPACE_NOT_FOUND', {}, { workspaceId: 'ws_9' }],
      ['PERMISSION_MISSING', {}, { permission: 'runs:create' }],
    ];
    // Each has every fault of those after it too; only the first is named.
    for (let i = 0; i < chain.length; i += 1) {
      const later = chain.slice(i).reverse();
      const facts = Object.assign({}, ...later.map(([, f]) => f)) as Partial<Facts>;
      const question = Object.assign({}, ...later.map(([, , q]) => q)) as Partial<Question>;
      expect(ask(question, facts).reason).toBe(chain[i]?.[0]);
    }
  });

  it('a narrowed key of an organization admin has not the full power of one', () => {
    const binding = {
      organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN,
      workspaceRoles: new Map<string, string>(),
    };
    expect(isOrganizationAdmin({ entry: { kind: 'key', key: KEY }, binding })).toBe(true);
    expect(isOrganizationAdmin({ entry: { kind: 'user', userId: 'user_1' }, binding })).toBe(true);
    const narrowed = { ...KEY, permissions: PermissionSet.of([READ, MANAGE, RUNS, RUN]) };
    expect(isOrganizationAdmin({ entry: { kind: 'key', key: narrowed }, binding })).toBe(false);
    expect(isOrganizationAdmin({ entry: { kind: 'key', key: KEY }, binding: FACTS.binding })).toBe(false);
  });
});
