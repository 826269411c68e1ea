import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUILT_IN_ROLE_IDS, PermissionSet } from '@latchkey/decision';
import fc from 'fast-check';
import { type BindingRecord, referenceChanges, rolesNamedBy, withRoleIn } from '../src/binding';
import { applyCatalogue, livePermissions, NO_CATALOGUE } from '../src/catalogue';
import { parseCatalogue } from '../src/catalogue-file';
import { assertMayGrant, granterOf } from '../src/granting';
import { builtInRoles, type RoleView } from '../src/role';

const bundled = parseCatalogue(readFileSync(join(__dirname, '../catalogue.tsv'), 'utf8'));
const { catalogue } = applyCatalogue(NO_CATALOGUE, bundled);
const permissions = livePermissions(catalogue);
const WORKSPACES = ['ws_a', 'ws_b'];

const custom = (scope: 'organization' | 'workspace') =>
  fc
    .shuffledSubarray(permissions.filter((permission) => scope === 'organization' || permission.scope === scope))
    .map((held): RoleView => ({
      id: `role_custom_${scope}`,
      organizationId: 'org_1',
      scope,
      name: 'custom',
      description: '',
      permissions: PermissionSet.of(held.map(({ number }) => number)),
      version: 1,
    }));
const builtIn = (scope: 'organization' | 'workspace') =>
  fc.constantFrom(...builtInRoles(catalogue).filter((role) => role.scope === scope));
const role = (scope: 'organization' | 'workspace') => fc.oneof(custom(scope), builtIn(scope));
const place = fc.constantFrom('', ...WORKSPACES);

describe('granting', () => {
  it('never goes beyond what the granter holds in that very place, unless it is an organization Admin', () => {
    fc.assert(
      fc.property(
        role('organization'),
        fc.option(role('workspace'), { nil: undefined }),
        place.chain((where) => fc.tuple(fc.constant(where), role(where === '' ? 'organization' : 'workspace'))),
        (organizationRole, roleInA, [where, granted]) => {
          const roles = new Map([organizationRole, ...(roleInA ? [roleInA] : [])].map((held) => [held.id, held]));
          const binding: BindingRecord = {
            _id: 'mem_1',
            organizationId: 'org_1',
            organizationRoleId: organizationRole.id,
            workspaceRoles: roleInA ? [{ workspaceId: 'ws_a', roleId: roleInA.id }] : [],
            version: 1,
          };
          const everywhere = organizationRole.permissions;
          const held = where === 'ws_a' && roleInA ? everywhere.union(roleInA.permissions) : everywhere;
          const allowed =
            organizationRole.id === BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN || granted.permissions.isSubsetOf(held);
          const grant = () =>
            assertMayGrant(granterOf(binding, roles, catalogue), granted.permissions, where, catalogue);
          if (allowed) expect(grant).not.toThrow();
          else expect(grant).toThrow(expect.objectContaining({ reason: 'GRANT_EXCEEDS_OWN' }));
        },
      ),
    );
  });

  it('is nothing that one without a binding can do', () => {
    const nobody = granterOf(undefined, new Map(), catalogue);
    expect(nobody.organizationAdmin).toBe(false);
    expect(nobody.isWorkspaceAdmin('ws_a')).toBe(false);
    const [first] = permissions;
    expect(() => assertMayGrant(nobody, PermissionSet.of([first!.number]), 'ws_a', catalogue)).toThrow(
      expect.objectContaining({ metadata: { permission: first!.name, missing: '1', workspace_id: 'ws_a' } }),
    );
  });

  it('of service keys asks for the very role of Admin there, not for as many permissions', () => {
    const allOfThem = {
      ...builtInRoles(catalogue).find(({ id }) => id === BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN)!,
      id: 'role_like',
    };
    const bound = (roleId: string): BindingRecord => ({
      _id: 'mem_1',
      organizationId: 'org_1',
      workspaceRoles: [{ workspaceId: 'ws_a', roleId }],
      version: 1,
    });
    const like = granterOf(bound('role_like'), new Map([['role_like', allOfThem]]), catalogue);
    expect(like.isWorkspaceAdmin('ws_a')).toBe(false);
    const admin = granterOf(bound(BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN), new Map(), catalogue);
    expect([admin.isWorkspaceAdmin('ws_a'), admin.isWorkspaceAdmin('ws_b')]).toEqual([true, false]);
  });
});

describe('references to roles', () => {
  const ROLES = ['role_1', 'role_2', 'role_3'];
  const rolesOf = fc.record({
    organizationRoleId: fc.option(fc.constantFrom(...ROLES), { nil: undefined }),
    workspaceRoles: fc.uniqueArray(
      fc.record({ workspaceId: fc.constantFrom('ws_a', 'ws_b', 'ws_c'), roleId: fc.constantFrom(...ROLES) }),
      { selector: ({ workspaceId }) => workspaceId },
    ),
  });

  it('add up to what the binding names, after any change', () => {
    fc.assert(
      fc.property(rolesOf, rolesOf, (before, after) => {
        const changes = referenceChanges(before, after);
        for (const id of ROLES) {
          const named = (roles: typeof before) => rolesNamedBy(roles).filter((other) => other === id).length;
          expect(named(before) + (changes.get(id) ?? 0)).toBe(named(after));
          expect(changes.get(id)).not.toBe(0);
        }
      }),
    );
  });

  it('never make two roles of one principal in one workspace', () => {
    fc.assert(
      fc.property(rolesOf, fc.option(fc.constantFrom(...ROLES), { nil: undefined }), (before, roleId) => {
        const { workspaceRoles } = withRoleIn(before, 'ws_a', roleId);
        expect(workspaceRoles.filter(({ workspaceId }) => workspaceId === 'ws_a')).toEqual(
          roleId ? [{ workspaceId: 'ws_a', roleId }] : [],
        );
        const others = ({ workspaceId }: { workspaceId: string }) => workspaceId !== 'ws_a';
        expect(workspaceRoles.filter(others)).toEqual(before.workspaceRoles.filter(others));
      }),
    );
  });
});
