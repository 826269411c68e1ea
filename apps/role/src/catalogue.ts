import {
  BUILT_IN_ROLE_IDS,
  type CatalogueFact,
  MAX_PERMISSION_NUMBER,
  type PermissionSet,
  type Scope,
} from '@latchkey/decision';
import { malformedCatalogue, scopeChanged, tooManyPermissions } from './errors';

export type BuiltIn = keyof typeof BUILT_IN_ROLE_IDS;

export const BUILT_INS = Object.keys(BUILT_IN_ROLE_IDS) as readonly BuiltIn[];

/** Where a built-in role applies: its name says it. */
export function scopeOfBuiltIn(builtIn: BuiltIn): Scope {
  return builtIn.startsWith('WORKSPACE_') ? 'workspace' : 'organization';
}

export interface WantedPermission {
  readonly name: string;
  readonly scope: Scope;
  readonly description: string;
  readonly builtInRoles: readonly BuiltIn[];
}

export interface PermissionRecord extends WantedPermission {
  /** Its bit in every permission set, for ever. */
  readonly number: number;
  /** Gone from the catalogue; the number stays taken, and its name, should it come back, gets it again. */
  readonly retired: boolean;
}

export interface Catalogue {
  /** Counted up by each change. */
  readonly version: number;
  /** The permission with number n is the nth: numbers are never reused and nothing is ever taken out. */
  readonly permissions: readonly PermissionRecord[];
}

export const NO_CATALOGUE: Catalogue = { version: 0, permissions: [] };

export interface Applied {
  readonly catalogue: Catalogue;
  /** New permissions, those that come back from retirement included. */
  readonly added: number;
  readonly retired: number;
}

/**
 * The catalogue after bringing it to the wanted list, and how it changed; the very same catalogue when it did not.
 * @throws AppError FAILED_PRECONDITION (SCOPE_CHANGED); INVALID_ARGUMENT for a name given twice and for a workspace role
 * that is to hold an organization permission
 */
export function applyCatalogue(current: Catalogue, wanted: readonly WantedPermission[]): Applied {
  const problems = problemsOf(wanted);
  if (problems.length > 0) throw malformedCatalogue(problems);
  const wantedByName = new Map(wanted.map((permission) => [permission.name, permission]));
  const known = new Set(current.permissions.map(({ name }) => name));

  const kept = current.permissions.map((permission): PermissionRecord => {
    const next = wantedByName.get(permission.name);
    if (next === undefined) return permission.retired ? permission : { ...permission, builtInRoles: [], retired: true };
    if (next.scope !== permission.scope) throw scopeChanged(permission.name);
    return record(next, permission.number);
  });
  const fresh = wanted.filter(({ name }) => !known.has(name));
  const permissions = [...kept, ...fresh.map((permission, i) => record(permission, kept.length + i))];
  if (permissions.length > MAX_PERMISSION_NUMBER + 1) throw tooManyPermissions(MAX_PERMISSION_NUMBER + 1);

  if (permissions.every((permission, i) => same(permission, current.permissions[i]))) {
    return { catalogue: current, added: 0, retired: 0 };
  }
  const changed = (from: boolean) =>
    kept.filter((permission, i) => permission.retired !== from && current.permissions[i]?.retired === from).length;
  return {
    catalogue: { version: current.version + 1, permissions },
    added: fresh.length + changed(true),
    retired: changed(false),
  };
}

/** The permissions that are not retired, in the order of their numbers. */
export function livePermissions(catalogue: Catalogue): PermissionRecord[] {
  return catalogue.permissions.filter(({ retired }) => !retired);
}

/** The catalogue as decisions see it. */
export function catalogueFact(catalogue: Catalogue): CatalogueFact {
  const permissions = livePermissions(catalogue).map(({ name, number, scope }) => [name, { number, scope }] as const);
  return { version: catalogue.version, permissions: new Map(permissions) };
}

/** Names of the permissions of a set, in the order of the catalogue, without those that are retired. */
export function namesOf(catalogue: Catalogue, set: PermissionSet): string[] {
  return livePermissions(catalogue).flatMap(({ name, number }) => (set.has(number) ? [name] : []));
}

function record(wanted: WantedPermission, number: number): PermissionRecord {
  const { name, scope, description } = wanted;
  // In one order, so that the same list in another spelling is no change.
  const builtInRoles = BUILT_INS.filter((builtIn) => wanted.builtInRoles.includes(builtIn));
  return { number, name, scope, description, builtInRoles, retired: false };
}

function same(a: PermissionRecord, b: PermissionRecord | undefined): boolean {
  return (
    a.name === b?.name &&
    a.description === b.description &&
    a.retired === b.retired &&
    a.builtInRoles.join() === b.builtInRoles.join()
  );
}

function problemsOf(wanted: readonly WantedPermission[]) {
  const first = new Map<string, number>();
  return wanted.flatMap(({ name, scope, builtInRoles }, i) => {
    const twice = first.has(name);
    if (!twice) first.set(name, i);
    return [
      ...(twice
        ? [{ field: `permissions[${i}].name`, rule: 'catalogue.unique', description: `${name} is given twice` }]
        : []),
      ...builtInRoles.flatMap((builtIn, j) =>
        scope === 'organization' && scopeOfBuiltIn(builtIn) === 'workspace'
          ? [
              {
                field: `permissions[${i}].built_in_roles[${j}]`,
                rule: 'catalogue.scope',
                description: 'a workspace role holds workspace permissions only',
              },
            ]
          : [],
      ),
    ];
  });
}
