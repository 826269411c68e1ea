import fc from 'fast-check';
import { type Facts, type KeyFact, PermissionSet, type Question, type RoleFact, type Scope } from '../src';

/** The moment at which the tests decide; facts expire shortly before, at, or after it. */
export const NOW = Date.UTC(2025, 0, 1);

const instant = fc.constantFrom(NOW - 1, NOW, NOW + 1);
const set = fc
  .uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 2 })
  .map((numbers) => PermissionSet.of(numbers));
const organizationId = fc.constantFrom('org_1', 'org_2');
const mostly = <T>(value: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 20, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: fc.constantFrom(...others) });
const mostlyThere = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq: 30 });

export const key: fc.Arbitrary<KeyFact> = fc.record(
  {
    id: fc.constant('key_1'),
    kind: fc.constantFrom('PERSONAL' as const, 'SERVICE' as const, 'LEGACY' as const),
    state: mostly<KeyFact['state']>('ACTIVE', 'PENDING', 'DISABLED', 'REVOKED', 'ROTATED_OUT'),
    revokedBecause: fc.constantFrom('DELETED' as const, 'PRINCIPAL_REMOVED' as const),
    organizationId: mostly('org_1', 'org_2'),
    principalId: mostly('mem_1', 'mem_2'),
    expireTime: mostly(NOW + 1, NOW, NOW - 1),
    overlapEndTime: mostly(NOW + 1, NOW, NOW - 1),
    permissions: set,
  },
  { requiredKeys: ['id', 'kind', 'state', 'organizationId', 'principalId'] },
);

const entry: fc.Arbitrary<Facts['entry']> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('key' as const), key: mostlyThere(key) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('user' as const), userId: mostly('user_1', '', 'user_2') }) },
);

const role = (scope: Scope, other: Scope): fc.Arbitrary<RoleFact> =>
  fc.record({ scope: mostly(scope, other), permissions: set });

/** Chains that are mostly whole, with any link missing, dead or another's now and then. */
export const facts: fc.Arbitrary<Facts> = fc.record({
  entry,
  organization: mostlyThere(
    fc.record(
      {
        id: mostly('org_1', 'org_2'),
        state: mostly<'ACTIVE' | 'CREATING' | 'DELETED'>('ACTIVE', 'CREATING', 'DELETED'),
        legacySunset: instant,
      },
      { requiredKeys: ['id', 'state'] },
    ),
  ),
  principal: mostlyThere(
    fc.record({
      id: mostly('mem_1', 'mem_2'),
      organizationId: mostly('org_1', 'org_2'),
      state: mostly<'ACTIVE' | 'JOINING' | 'SUSPENDED' | 'REMOVED'>('ACTIVE', 'JOINING', 'SUSPENDED', 'REMOVED'),
      userId: mostly('user_1', '', 'user_2'),
    }),
  ),
  workspace: mostlyThere(
    fc.record({
      id: mostly('ws_1', 'ws_2'),
      organizationId: mostly('org_1', 'org_2'),
      state: mostly<'ACTIVE' | 'DELETED'>('ACTIVE', 'DELETED'),
    }),
  ),
  binding: mostlyThere(
    fc.record(
      {
        organizationRoleId: mostly('role_a', 'role_b'),
        workspaceRoles: fc
          .uniqueArray(fc.tuple(fc.constantFrom('ws_1', 'ws_2'), mostly('role_b', 'role_a')), {
            selector: ([workspaceId]) => workspaceId,
          })
          .map((pairs) => new Map(pairs)),
      },
      { requiredKeys: ['workspaceRoles'] },
    ),
  ),
  roles: fc
    .tuple(mostlyThere(role('organization', 'workspace')), mostlyThere(role('workspace', 'organization')))
    .map(([a, b]) => new Map([...(a ? [['role_a', a] as const] : []), ...(b ? [['role_b', b] as const] : [])])),
  // Numbers 4 and 5 are retired: roles may still hold them.
  catalogue: fc.constant({
    version: 1,
    permissions: new Map([
      ['organization:read', { number: 0, scope: 'organization' as const }],
      ['organization:manage', { number: 1, scope: 'organization' as const }],
      ['projects:read', { number: 2, scope: 'workspace' as const }],
      ['projects:create', { number: 3, scope: 'workspace' as const }],
    ]),
  }),
});

export const question: fc.Arbitrary<Question> = fc.record({
  permission: fc.constantFrom(
    'organization:read',
    'organization:manage',
    'projects:read',
    'projects:create',
    'no:such',
  ),
  workspaceId: mostly('ws_1', '', 'ws_2'),
  organizationId: fc.oneof({ weight: 3, arbitrary: fc.constant('org_1') }, organizationId, fc.constant('')),
});
