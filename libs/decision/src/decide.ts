import { BUILT_IN_ROLE_IDS } from './built-in-roles';
import {
  type CatalogueFact,
  type Decision,
  DEFAULT_LEGACY_SUNSET,
  type Facts,
  type KeyFact,
  type OrganizationFact,
  type PermissionFact,
  type PrincipalFact,
  type Question,
  type Refusal,
  type WorkspaceFact,
} from './facts';
import { PermissionSet } from './permission-set';

// Each check answers the reason to refuse, or undefined to go on. Those that a loader can stop at, before it fetches more, are
// exported.

/**
 * The key by itself. The sunset of its organization (epoch milliseconds; absent: {@link DEFAULT_LEGACY_SUNSET})
 * matters to legacy keys only.
 */
export function checkKey(
  key: KeyFact | undefined,
  nowMs: number,
  legacySunset: number = DEFAULT_LEGACY_SUNSET,
): Refusal | undefined {
  switch (key?.state) {
    case undefined:
      return 'UNKNOWN_KEY';
    case 'REVOKED':
      return key?.revokedBecause === 'PRINCIPAL_REMOVED' ? 'PRINCIPAL_REMOVED' : 'KEY_REVOKED';
    case 'DISABLED':
      return 'KEY_DISABLED';
    case 'ROTATED_OUT':
      return 'KEY_ROTATED_OUT';
    case 'PENDING':
      return 'UNKNOWN_KEY';
    case 'ACTIVE':
      break;
  }
  // Said as "not before" instead of "after", so that a time which is no number refuses.
  if (key?.overlapEndTime !== undefined && !(nowMs < key.overlapEndTime)) return 'KEY_ROTATED_OUT';
  if (key?.expireTime !== undefined && !(nowMs < key.expireTime)) return 'KEY_EXPIRED';
  if (key?.kind === 'LEGACY' && !(nowMs < legacySunset)) return 'LEGACY_KEY_SUNSET';
  return undefined;
}

/** Whether the one behind the entry is alive, in an organization that is. Facts of another principal count as none. */
export function checkPrincipal(
  entry: Facts['entry'],
  principal: PrincipalFact | undefined,
  organization: OrganizationFact | undefined,
): Refusal | undefined {
  const meant =
    entry.kind === 'user'
      ? // A service account has no person; an empty user id must not find it.
        entry.userId !== '' && principal?.userId === entry.userId
      : entry.key !== undefined &&
        principal?.id === entry.key.principalId &&
        principal.organizationId === entry.key.organizationId;
  if (!meant || organization?.id !== principal?.organizationId || organization?.state !== 'ACTIVE') {
    return 'PRINCIPAL_REMOVED';
  }
  switch (principal?.state) {
    case 'ACTIVE':
      return undefined;
    case 'SUSPENDED':
      return 'PRINCIPAL_SUSPENDED';
    default:
      return 'PRINCIPAL_REMOVED';
  }
}

/** Whether the organization that the question names, if it does, is the principal's. */
function checkOrganization(question: Question, principal: PrincipalFact): Refusal | undefined {
  return question.organizationId === '' || question.organizationId === principal.organizationId
    ? undefined
    : 'WRONG_ORGANIZATION';
}

/** Whether there is such a permission, and the question says where. */
function checkPermission(question: Question, permission: PermissionFact | undefined): Refusal | undefined {
  if (permission === undefined) return 'UNKNOWN_PERMISSION';
  const where = permission.scope === 'workspace' ? question.workspaceId : question.organizationId;
  return where === '' ? 'SCOPE_REQUIRED' : undefined;
}

/** Whether the workspace that the question names, if it does, is a live one of the principal's organization. */
function checkWorkspace(
  question: Question,
  principal: PrincipalFact,
  workspace: WorkspaceFact | undefined,
): Refusal | undefined {
  if (question.workspaceId === '') return undefined;
  return workspace?.id === question.workspaceId &&
    workspace.organizationId === principal.organizationId &&
    workspace.state === 'ACTIVE'
    ? undefined
    : 'WORKSPACE_NOT_FOUND';
}

/**
 * Whether the principal holds the permission here, and the key, if it is narrowed, lets it through. To be asked after the
 * other checks: it trusts that the workspace is the principal's.
 */
function checkHeld(question: Question, permission: PermissionFact | undefined, facts: Facts): Refusal | undefined {
  if (permission === undefined) return 'UNKNOWN_PERMISSION';
  const { number, scope } = permission;
  if (narrowing(facts)?.has(number) === false) return 'PERMISSION_MISSING';
  if (organizationRolePermissions(facts).has(number)) return undefined;
  if (scope === 'workspace' && workspaceRolePermissions(facts, question.workspaceId).has(number)) return undefined;
  return 'PERMISSION_MISSING';
}

/**
 * The decision: pure, synchronous, one pass over the chain key → organization → principal → workspace → binding → roles →
 * catalogue. Allows only if every link is there and alive. `nowMs` is epoch milliseconds.
 */
export function decide(question: Question, facts: Facts, nowMs: number): Decision {
  const { entry, principal, organization } = facts;
  const keyRefusal = entry.kind === 'key' ? checkKey(entry.key, nowMs, organization?.legacySunset) : undefined;
  if (keyRefusal !== undefined) return { allowed: false, reason: keyRefusal };
  const principalRefusal = checkPrincipal(entry, principal, organization);
  if (principal === undefined || principalRefusal !== undefined) {
    return { allowed: false, reason: principalRefusal ?? 'PRINCIPAL_REMOVED' };
  }
  const permission = facts.catalogue.permissions.get(question.permission);
  const refusal =
    checkOrganization(question, principal) ??
    checkPermission(question, permission) ??
    checkWorkspace(question, principal, facts.workspace) ??
    checkHeld(question, permission, facts);
  return {
    allowed: refusal === undefined,
    reason: refusal ?? 'ALLOWED',
    legacySunset:
      entry.kind === 'key' && entry.key?.kind === 'LEGACY'
        ? (organization?.legacySunset ?? DEFAULT_LEGACY_SUNSET)
        : undefined,
  };
}

/** What grants are checked against: who holds which permissions where. */
export type HeldFacts = Pick<Facts, 'entry' | 'binding' | 'roles' | 'catalogue'>;

/**
 * Everything that is held in one workspace, or, without a workspace id, by the organization role: its organization
 * permissions, and the workspace permissions that it holds in every workspace. Agrees with `decide`, which is what
 * answers checks; retired permissions are left out. Liveness is not looked at.
 */
export function heldPermissions(facts: HeldFacts, workspaceId: string): PermissionSet {
  const known = numbersOf(facts.catalogue, workspaceId === '' ? ['organization', 'workspace'] : ['workspace']);
  const organizationWide = organizationRolePermissions(facts);
  const held =
    workspaceId === '' ? organizationWide : organizationWide.union(workspaceRolePermissions(facts, workspaceId));
  return (narrowing(facts)?.intersection(held) ?? held).intersection(known);
}

/**
 * Whether the entry acts with the full power of an organization admin. A narrowed key does not, not even an admin's: it
 * would otherwise grant what it was narrowed not to do.
 */
export function isOrganizationAdmin(facts: Pick<Facts, 'entry' | 'binding'>): boolean {
  return facts.binding?.organizationRoleId === BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN && narrowing(facts) === undefined;
}

function numbersOf(catalogue: CatalogueFact, scopes: readonly string[]): PermissionSet {
  const known = [...catalogue.permissions.values()].filter((permission) => scopes.includes(permission.scope));
  return PermissionSet.of(known.map((permission) => permission.number));
}

function narrowing(facts: Pick<Facts, 'entry'>): PermissionSet | undefined {
  return facts.entry.kind === 'key' ? facts.entry.key?.permissions : undefined;
}

/** Its workspace permissions hold in every workspace of the organization: that is how an Admin is Admin everywhere. */
function organizationRolePermissions({ binding, roles }: Pick<Facts, 'binding' | 'roles'>): PermissionSet {
  const role = roles.get(binding?.organizationRoleId ?? '');
  // A role in a place for which it was not made grants nothing there.
  return role?.scope === 'organization' ? role.permissions : PermissionSet.EMPTY;
}

function workspaceRolePermissions(facts: Pick<Facts, 'binding' | 'roles'>, workspaceId: string): PermissionSet {
  const role = facts.roles.get(facts.binding?.workspaceRoles.get(workspaceId) ?? '');
  return role?.scope === 'workspace' ? role.permissions : PermissionSet.EMPTY;
}
