import { BUILT_IN_ROLE_IDS, PermissionSet, type RoleFact, type Scope } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { BUILT_INS, type BuiltIn, type Catalogue, livePermissions, namesOf, scopeOfBuiltIn } from './catalogue';
import { type PermissionProblem, unusablePermissions } from './errors';

/** How many roles of its own an organization may have. */
export const MAX_ROLES = 1_000;

/** A custom role as it is stored. Deleted ones stay as tombstones, without `liveKey`. */
export interface RoleRecord {
  readonly _id: string;
  readonly organizationId: string;
  readonly scope: Scope;
  readonly name: string;
  /** Makes the name unique among the organization's live roles. */
  readonly liveKey?: string;
  readonly description: string;
  /** Permission numbers, ascending; those of retired permissions may be among them. */
  readonly permissions: readonly number[];
  /** The catalogue's version when `permissions` was set. */
  readonly catalogueVersion: number;
  readonly version: number;
  /** How many places in bindings name this role. Changes with them, in one transaction. */
  readonly references: number;
  readonly createTime: Date;
  readonly deleteTime?: Date;
}

/** A role, built in or custom. */
export interface RoleView extends RoleFact {
  readonly id: string;
  /** '' for a built-in role. */
  readonly organizationId: string;
  readonly name: string;
  readonly description: string;
  readonly builtIn?: BuiltIn;
  readonly version: number;
  readonly createTime?: Date;
}

const BUILT_IN_TEXTS: Readonly<Record<BuiltIn, { readonly name: string; readonly description: string }>> = {
  ORGANIZATION_ADMIN: {
    name: 'Organization Admin',
    description: 'Everything in the organization and in each of its workspaces.',
  },
  ORGANIZATION_OPERATOR: {
    name: 'Organization Operator',
    description: 'Runs the organization, without power over its Admins.',
  },
  ORGANIZATION_USER: { name: 'Organization User', description: 'An ordinary member.' },
  ORGANIZATION_VIEWER: { name: 'Organization Viewer', description: 'A member who only looks.' },
  WORKSPACE_ADMIN: { name: 'Admin', description: 'Everything in one workspace.' },
  WORKSPACE_EDITOR: { name: 'Editor', description: 'Everything in one workspace except managing it.' },
  WORKSPACE_VIEWER: { name: 'Viewer', description: 'Reads everything in one workspace.' },
};

/** The built-in roles, in the order of their ids. What they hold is the catalogue's word alone. */
export function builtInRoles(catalogue: Catalogue): RoleView[] {
  return BUILT_INS.map((builtIn) => ({
    id: BUILT_IN_ROLE_IDS[builtIn],
    organizationId: '',
    scope: scopeOfBuiltIn(builtIn),
    ...BUILT_IN_TEXTS[builtIn],
    permissions: PermissionSet.of(
      livePermissions(catalogue).flatMap(({ number, builtInRoles: holders }) =>
        holders.includes(builtIn) ? [number] : [],
      ),
    ),
    builtIn,
    version: catalogue.version,
  }));
}

const BUILT_IN_IDS: ReadonlySet<string> = new Set(Object.values(BUILT_IN_ROLE_IDS));
const RESERVED_NAMES: ReadonlySet<string> = new Set(
  Object.values(BUILT_IN_TEXTS).map(({ name }) => name.toLowerCase()),
);

export function isBuiltInRole(roleId: string): boolean {
  return BUILT_IN_IDS.has(roleId);
}

export function isReservedName(name: string): boolean {
  return RESERVED_NAMES.has(name.toLowerCase());
}

export function liveKeyOf(organizationId: string, name: string): string {
  return `${organizationId}:${name.toLowerCase()}`;
}

export function viewOf(record: RoleRecord): RoleView {
  const { _id: id, permissions, ...rest } = record;
  return { id, ...rest, permissions: PermissionSet.of(permissions) };
}

/**
 * The set that these names mean, for a role of that scope.
 * @throws AppError INVALID_ARGUMENT naming each `permissions[i]` that the catalogue lacks or that does not fit the scope
 */
export function permissionSetOf(names: readonly string[], scope: Scope, catalogue: Catalogue): PermissionSet {
  const byName = new Map(livePermissions(catalogue).map((permission) => [permission.name, permission]));
  const problems = names.flatMap((name, index): PermissionProblem[] => {
    const permission = byName.get(name);
    if (permission === undefined) return [{ index, why: 'unknown' }];
    return scope === 'workspace' && permission.scope !== 'workspace' ? [{ index, why: 'scope' }] : [];
  });
  if (problems.length > 0) throw unusablePermissions(problems);
  return PermissionSet.of(names.flatMap((name) => byName.get(name)?.number ?? []));
}

export function toProtoRole(role: RoleView, catalogue: Catalogue): roleV1.Role {
  return {
    id: role.id,
    organizationId: role.organizationId,
    scope: toProtoScope(role.scope),
    name: role.name,
    description: role.description,
    permissions: namesOf(catalogue, role.permissions),
    builtIn: role.builtIn ? roleV1.BuiltInRole[role.builtIn] : roleV1.BuiltInRole.UNSPECIFIED,
    etag: String(role.version),
    createTime: role.createTime,
  };
}

export function toProtoScope(scope: Scope): roleV1.Scope {
  return scope === 'organization' ? roleV1.Scope.ORGANIZATION : roleV1.Scope.WORKSPACE;
}

/** The contract's validation lets no other value through. */
export function fromProtoScope(scope: roleV1.Scope): Scope {
  return scope === roleV1.Scope.ORGANIZATION ? 'organization' : 'workspace';
}
