import {
  type BindingFact,
  type CatalogueFact,
  type KeyFact,
  type OrganizationFact,
  PermissionSet,
  type PrincipalFact,
  type RoleFact,
  type WorkspaceFact,
} from '@latchkey/decision';

/** What is remembered, by kind of entity. */
export interface Values {
  key: KnownKey;
  /** Epoch milliseconds. */
  sunset: number;
  organization: OrganizationFact;
  member: PrincipalFact;
  workspace: WorkspaceFact;
  binding: BindingFact;
  role: RoleFact;
  catalogue: CatalogueFact;
}

export type Value = Values[keyof Values];

/** A key as decisions need it: nothing of what only its owner is shown. As a {@link KeyFact} it speaks of its present secret. */
export interface KnownKey extends Omit<KeyFact, 'permissions' | 'overlapEndTime'> {
  /** SHA-256 of the present secret, hex. */
  readonly hash: string;
  /** Epoch milliseconds until when the secret before it works too. Absent: not at all. */
  readonly previousUntil?: number;
  /** '' for a service key. */
  readonly userId: string;
  /** Names of the permissions that it is narrowed to. Absent: all that its principal may. */
  readonly narrowedTo?: readonly string[];
  /** In which minute its use was last taken note of, by database time: kept here, where a decision looks anyway. No fact. */
  usedMinute?: number | undefined;
}

/**
 * The key as decisions see it when the secret of this hash is presented: the present one or the one before.
 * A narrowing to permissions that the catalogue has lost narrows to nothing, never to all.
 */
export function keyFact(key: KnownKey, presentedHash: string, catalogue: CatalogueFact): KeyFact {
  // Said as "the present one", so that a hash which is neither is no better than one that was rotated out.
  if (presentedHash === key.hash && key.narrowedTo === undefined) return key;
  return {
    ...key,
    ...(presentedHash !== key.hash && overlapping(key)),
    ...(key.narrowedTo && {
      permissions: PermissionSet.of(key.narrowedTo.flatMap((name) => catalogue.permissions.get(name)?.number ?? [])),
    }),
  };
}

function overlapping({ state, previousUntil }: KnownKey): Partial<KeyFact> {
  if (previousUntil !== undefined) return { overlapEndTime: previousUntil };
  return state === 'ACTIVE' ? { state: 'ROTATED_OUT' } : {};
}

/** A service account lives exactly as long as its one key. */
export function serviceAccountFact({ principalId, organizationId, state }: KnownKey): PrincipalFact {
  return { id: principalId, organizationId, state: ACCOUNT_STATES[state], userId: '' };
}

const ACCOUNT_STATES: Record<KeyFact['state'], PrincipalFact['state']> = {
  PENDING: 'JOINING',
  ACTIVE: 'ACTIVE',
  DISABLED: 'ACTIVE',
  ROTATED_OUT: 'ACTIVE',
  REVOKED: 'REMOVED',
};
