import fc from 'fast-check';
import {
  decide,
  type Facts,
  heldPermissions,
  type KeyFact,
  mayGrant,
  missingToGrant,
  PermissionSet,
  type Question,
  type RoleFact,
} from '../src';
import * as arbitrary from './arbitraries';

const { NOW } = arbitrary;
const RUNS = { numRuns: 5_000 };

/** A check of the contract's own words, written the other way round: what must be there for an allow. */
function mustBeThere(question: Question, facts: Facts): void {
  const { entry, principal, organization, workspace } = facts;
  const permission = facts.catalogue.permissions.get(question.permission);
  if (entry.kind === 'key') {
    expect(entry.key?.state).toBe('ACTIVE');
    expect(entry.key?.expireTime ?? Infinity).toBeGreaterThan(NOW);
    expect(entry.key?.overlapEndTime ?? Infinity).toBeGreaterThan(NOW);
    expect(entry.key?.principalId).toBe(principal?.id);
    expect(entry.key?.organizationId).toBe(principal?.organizationId);
    if (entry.key?.kind === 'LEGACY') expect(organization?.legacySunset ?? 0).toBeGreaterThan(NOW);
  } else {
    expect(entry.userId).not.toBe('');
    expect(entry.userId).toBe(principal?.userId);
  }
  expect(principal?.state).toBe('ACTIVE');
  expect(organization).toMatchObject({ id: principal?.organizationId, state: 'ACTIVE' });
  expect(permission).toBeDefined();
  if (question.organizationId !== '') expect(question.organizationId).toBe(principal?.organizationId);
  if (question.workspaceId !== '') {
    expect(workspace).toMatchObject({
      id: question.workspaceId,
      organizationId: principal?.organizationId,
      state: 'ACTIVE',
    });
  }
  expect(permission?.scope === 'workspace' ? question.workspaceId : question.organizationId).not.toBe('');
  const held = [facts.binding?.organizationRoleId, facts.binding?.workspaceRoles.get(question.workspaceId)].filter(
    (id) => facts.roles.get(id ?? '')?.permissions.has(permission?.number ?? -1),
  );
  expect(held).not.toEqual([]);
}

/** Here they are always a map. */
const rolesOf = ({ roles }: Facts) => [...(roles as ReadonlyMap<string, RoleFact>)];

/** What can be taken away from a chain. */
const revocations: ((facts: Facts) => Facts)[] = [
  ...(['PENDING', 'DISABLED', 'REVOKED', 'ROTATED_OUT'] as const).map((state) => changeKey({ state })),
  changeKey({ expireTime: NOW }),
  changeKey({ overlapEndTime: NOW }),
  changeKey({ permissions: PermissionSet.EMPTY }),
  (facts) => (facts.entry.kind === 'key' ? { ...facts, entry: { kind: 'key', key: undefined } } : facts),
  (facts) => ({ ...facts, organization: undefined }),
  (facts) => ({ ...facts, organization: facts.organization && { ...facts.organization, state: 'DELETED' } }),
  (facts) => ({ ...facts, organization: facts.organization && { ...facts.organization, legacySunset: NOW } }),
  (facts) => ({ ...facts, principal: undefined }),
  (facts) => ({ ...facts, principal: facts.principal && { ...facts.principal, state: 'REMOVED' } }),
  (facts) => ({ ...facts, principal: facts.principal && { ...facts.principal, state: 'SUSPENDED' } }),
  (facts) => ({ ...facts, workspace: undefined }),
  (facts) => ({ ...facts, workspace: facts.workspace && { ...facts.workspace, state: 'DELETED' } }),
  (facts) => ({ ...facts, binding: undefined }),
  (facts) => ({ ...facts, binding: facts.binding && { ...facts.binding, organizationRoleId: undefined } }),
  (facts) => ({ ...facts, binding: facts.binding && { ...facts.binding, workspaceRoles: new Map() } }),
  (facts) => ({ ...facts, roles: new Map(rolesOf(facts).slice(1)) }),
  (facts) => ({
    ...facts,
    roles: new Map(rolesOf(facts).map(([id, role]) => [id, { ...role, permissions: PermissionSet.EMPTY }])),
  }),
  (facts) => ({
    ...facts,
    catalogue: { ...facts.catalogue, permissions: new Map([...facts.catalogue.permissions].slice(1)) },
  }),
];

function changeKey(change: Partial<KeyFact>): (facts: Facts) => Facts {
  return (facts) =>
    facts.entry.kind === 'key' && facts.entry.key
      ? { ...facts, entry: { kind: 'key', key: { ...facts.entry.key, ...change } } }
      : facts;
}

describe('decide, for all facts', () => {
  it('no-allow-without-every-link', () => {
    let allowed = 0;
    fc.assert(
      fc.property(arbitrary.question, arbitrary.facts, (question, facts) => {
        const decision = decide(question, facts, NOW);
        expect(decision.allowed).toBe(decision.reason === 'ALLOWED');
        if (!decision.allowed) return;
        allowed += 1;
        mustBeThere(question, facts);
      }),
      RUNS,
    );
    // A property about allows proves nothing when there are none.
    expect(allowed).toBeGreaterThan(RUNS.numRuns / 20);
  });

  it('revoking-never-allows: taking anything away turns no deny into an allow', () => {
    fc.assert(
      fc.property(arbitrary.question, arbitrary.facts, fc.constantFrom(...revocations), (question, facts, revoke) => {
        const [before, after] = [decide(question, facts, NOW), decide(question, revoke(facts), NOW)];
        expect(after.allowed && !before.allowed).toBe(false);
      }),
      RUNS,
    );
  });

  it('pat-is-its-member: a token that is not narrowed gets its member’s answer, a narrowed one never more', () => {
    const token: KeyFact = {
      id: 'pat_1',
      kind: 'PERSONAL',
      state: 'ACTIVE',
      organizationId: 'org_1',
      principalId: 'mem_1',
    };
    const member = { id: 'mem_1', organizationId: 'org_1', state: 'ACTIVE' as const, userId: 'user_1' };
    fc.assert(
      fc.property(arbitrary.question, arbitrary.facts, arbitrary.key, (question, facts, { permissions }) => {
        const asMember = decide(
          question,
          { ...facts, principal: member, entry: { kind: 'user', userId: 'user_1' } },
          NOW,
        );
        const withToken = (key: KeyFact): boolean =>
          decide(question, { ...facts, principal: member, entry: { kind: 'key', key } }, NOW).allowed;
        expect(withToken(token)).toBe(asMember.allowed);
        const narrowed = withToken({ ...token, permissions });
        expect(narrowed && !asMember.allowed).toBe(false);
        const number = facts.catalogue.permissions.get(question.permission)?.number ?? -1;
        if (permissions) expect(narrowed).toBe(asMember.allowed && permissions.has(number));
      }),
      RUNS,
    );
  });

  it('service-keys-do-not-know-their-creator: two service accounts with the same roles get the same answer', () => {
    fc.assert(
      fc.property(arbitrary.question, arbitrary.facts, (question, facts) => {
        const as = (principalId: string, userId: string): boolean => {
          const key: KeyFact = { id: 'key_1', kind: 'SERVICE', state: 'ACTIVE', organizationId: 'org_1', principalId };
          const principal = { id: principalId, organizationId: 'org_1', state: 'ACTIVE' as const, userId };
          return decide(question, { ...facts, principal, entry: { kind: 'key', key } }, NOW).allowed;
        };
        expect(as('svc_1', '')).toBe(as('svc_2', ''));
        expect(as('svc_1', '')).toBe(as('svc_1', 'user_creator'));
      }),
    );
  });

  it('held-is-what-checks-allow: heldPermissions and decide agree on a live chain', () => {
    fc.assert(
      fc.property(arbitrary.facts, fc.constantFrom('ws_1', 'ws_2'), (facts, workspaceId) => {
        const live: Facts = {
          ...facts,
          organization: { id: 'org_1', state: 'ACTIVE' },
          principal: { id: 'mem_1', organizationId: 'org_1', state: 'ACTIVE', userId: 'user_1' },
          entry: { kind: 'user', userId: 'user_1' },
          workspace: { id: workspaceId, organizationId: 'org_1', state: 'ACTIVE' },
        };
        for (const [permission, { number, scope }] of facts.catalogue.permissions) {
          const where = scope === 'workspace' ? workspaceId : '';
          const { allowed } = decide({ permission, workspaceId: where, organizationId: 'org_1' }, live, NOW);
          expect(heldPermissions(live, where).has(number)).toBe(allowed);
        }
      }),
      RUNS,
    );
  });
});

describe('mayGrant, for all facts', () => {
  const set = fc.uniqueArray(fc.integer({ min: 0, max: 5 })).map((numbers) => PermissionSet.of(numbers));
  const scope = fc.record({ workspaceId: fc.constantFrom('', 'ws_1', 'ws_2') });

  it('nobody-grants-what-they-do-not-hold: what could be done with the grant, its granter could do before', () => {
    fc.assert(
      fc.property(arbitrary.facts, set, scope, arbitrary.question, (facts, granted, where, asked) => {
        const granter = {
          organizationAdmin: false,
          permissionsIn: ({ workspaceId }: { workspaceId: string }) => heldPermissions(facts, workspaceId),
        };
        const missing = missingToGrant(granter, granted, where);
        expect(mayGrant(granter, granted, where)).toBe(missing.isEmpty);
        expect(missing.equals(granted.difference(granter.permissionsIn(where)))).toBe(true);
        if (!missing.isEmpty) return;
        const binding =
          where.workspaceId === ''
            ? { organizationRoleId: 'role_new', workspaceRoles: new Map<string, string>() }
            : { workspaceRoles: new Map([[where.workspaceId, 'role_new']]) };
        const role = {
          scope: where.workspaceId === '' ? ('organization' as const) : ('workspace' as const),
          permissions: granted,
        };
        const grantee = {
          ...facts,
          binding,
          roles: new Map([['role_new', role]]),
          entry: { kind: 'user' as const, userId: 'user_2' },
        };
        for (const workspaceId of ['', asked.workspaceId]) {
          expect(heldPermissions(grantee, workspaceId).isSubsetOf(heldPermissions(facts, workspaceId))).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('an organization admin may grant anything', () => {
    fc.assert(
      fc.property(set, scope, (granted, where) => {
        expect(mayGrant({ organizationAdmin: true, permissionsIn: () => PermissionSet.EMPTY }, granted, where)).toBe(
          true,
        );
      }),
    );
  });
});
