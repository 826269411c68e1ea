import { type PermissionSet } from './permission-set';

/** Where a permission or a role applies. */
export type Scope = 'organization' | 'workspace';

/** May the bearer do this, here? An empty string means "not given". */
export interface Question {
  readonly permission: string;
  readonly workspaceId: string;
  readonly organizationId: string;
}

export interface KeyFact {
  readonly id: string;
  /** LEGACY is a service key that was imported, and has a sunset. */
  readonly kind: 'PERSONAL' | 'SERVICE' | 'LEGACY';
  /** PENDING: not bound yet, authorizes nothing. ROTATED_OUT: replaced by a newer secret, its overlap over. */
  readonly state: 'PENDING' | 'ACTIVE' | 'DISABLED' | 'REVOKED' | 'ROTATED_OUT';
  /** Why it was revoked; only with state REVOKED. */
  readonly revokedBecause?: 'DELETED' | 'PRINCIPAL_REMOVED';
  readonly organizationId: string;
  readonly principalId: string;
  /** Epoch milliseconds; from this instant on it is expired. Absent: never. */
  readonly expireTime?: number;
  /** Epoch milliseconds; from this instant on the presented secret is rotated out. Absent: it is the key's present one. */
  readonly overlapEndTime?: number;
  /** Narrows what the principal may; never widens it. Absent: everything that the principal may. */
  readonly permissions?: PermissionSet;
}

export interface PrincipalFact {
  readonly id: string;
  readonly organizationId: string;
  readonly state: 'JOINING' | 'ACTIVE' | 'SUSPENDED' | 'REMOVED';
  /** Empty for a service account. */
  readonly userId: string;
}

export interface OrganizationFact {
  readonly id: string;
  readonly state: 'CREATING' | 'ACTIVE' | 'DELETED';
  /** Epoch milliseconds at which this organization's legacy keys stop working. Absent: {@link DEFAULT_LEGACY_SUNSET}. */
  readonly legacySunset?: number;
}

export interface WorkspaceFact {
  readonly id: string;
  readonly organizationId: string;
  readonly state: 'ACTIVE' | 'DELETED';
}

/** One principal's roles. */
export interface BindingFact {
  readonly organizationRoleId?: string;
  /** Role id by workspace id. */
  readonly workspaceRoles: WorkspaceRoles;
}

/** As much of a map as decisions and their messages need: most people are in a few workspaces, which a list holds in less. */
export type WorkspaceRoles = Pick<ReadonlyMap<string, string>, 'get'> & Iterable<readonly [string, string]>;

export interface RoleFact {
  readonly scope: Scope;
  readonly permissions: PermissionSet;
}

/** As much of a map as decisions need, so that none has to be made for each. */
export type Roles = Pick<ReadonlyMap<string, RoleFact>, 'get'>;

export interface CatalogueFact {
  readonly version: number;
  /** By name; retired permissions are not in it. */
  readonly permissions: ReadonlyMap<string, PermissionFact>;
}

export interface PermissionFact {
  /** Its place in every {@link PermissionSet}. */
  readonly number: number;
  readonly scope: Scope;
}

/**
 * How the chain is entered. A look-up that found no key is `{ kind: 'key', key: undefined }`: it cannot be mistaken for
 * a person whom a front end has signed in.
 */
export type Entry =
  { readonly kind: 'key'; readonly key: KeyFact | undefined } | { readonly kind: 'user'; readonly userId: string };

/** Everything that a decision is made of. What is absent was not found, or was not needed. */
export interface Facts {
  readonly entry: Entry;
  readonly organization?: OrganizationFact;
  readonly principal?: PrincipalFact;
  /** The workspace that the question names. */
  readonly workspace?: WorkspaceFact;
  readonly binding?: BindingFact;
  /** By id, those that the binding names. A missing one grants nothing. */
  readonly roles: Roles;
  readonly catalogue: CatalogueFact;
}

/** As `DecisionReason` of the contract, but for MALFORMED_KEY, which is found before there are facts. */
export type Reason =
  | 'ALLOWED'
  | 'UNKNOWN_KEY'
  | 'KEY_EXPIRED'
  | 'KEY_REVOKED'
  | 'KEY_DISABLED'
  | 'KEY_ROTATED_OUT'
  | 'PRINCIPAL_REMOVED'
  | 'PRINCIPAL_SUSPENDED'
  | 'LEGACY_KEY_SUNSET'
  | 'UNKNOWN_PERMISSION'
  | 'SCOPE_REQUIRED'
  | 'WORKSPACE_NOT_FOUND'
  | 'WRONG_ORGANIZATION'
  | 'PERMISSION_MISSING';

/** A reason to refuse. */
export type Refusal = Exclude<Reason, 'ALLOWED'>;

export interface Decision {
  readonly allowed: boolean;
  readonly reason: Reason;
  /** Epoch milliseconds; only for a legacy key that still works (though perhaps not for this). */
  readonly legacySunset?: number;
}

/** Support for legacy keys ends here unless an operator has moved the date for an organization. */
export const DEFAULT_LEGACY_SUNSET = Date.UTC(2024, 6, 1);
