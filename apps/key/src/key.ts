import { type KeyFact, PermissionSet, type PrincipalFact, type CatalogueFact } from '@latchkey/decision';
import { keyV1 } from '@latchkey/proto';
import { type AppErrorOptions } from '@latchkey/service';
import { type KeyKind } from './secret';

/** A key as it is stored. Records stay for ever: what is gone is REVOKED, and its hash answers why. */
export interface KeyRecord {
  /** A pat_ or key_ id. */
  _id: string;
  kind: KeyKind;
  origin: 'NATIVE' | 'LEGACY';
  organizationId: string;
  /** The member of a personal token, the service account of a service key. */
  principalId: string;
  /** The person of a personal token; empty for a service key. Never changes, since a membership's person never does. */
  userId: string;
  /** SHA-256 of the secret, hex. Absent only where the key was refused before it ever worked, so that it can be tried again. */
  hash?: string;
  /** The last characters of the secret; empty for an imported key, whose secret was never seen. */
  hint: string;
  name: string;
  state: 'PENDING' | 'ACTIVE' | 'REVOKED';
  /** Only with REVOKED. NEVER_BOUND: its roles were refused, so it never worked. */
  revokedBecause?: 'DELETED' | 'PRINCIPAL_REMOVED' | 'NEVER_BOUND';
  /** With NEVER_BOUND: the answer for whoever repeats the call that made it. */
  refusal?: StoredRefusal;
  /** The deletion that revoked it, for a removed member's token. */
  deletionId?: string;
  /** Names of the permissions that a personal token is narrowed to. Absent: all that its member may. */
  permissions?: string[];
  /** Of a service key. */
  workspaceIds: string[];
  /** Of a service key; empty for a personal token. */
  roleId: string;
  /** The principal that created it; nothing depends on it. */
  createdBy: string;
  createTime: Date;
  /** Absent: never. */
  expireTime?: Date;
  revokeTime?: Date;
}

export type StoredRefusal = Pick<AppErrorOptions, 'code' | 'reason' | 'message' | 'metadata'>;

/** The key as decisions see it. A narrowing to permissions that the catalogue has lost narrows to nothing, never to all. */
export function keyFact(record: KeyRecord, catalogue: CatalogueFact): KeyFact {
  return {
    id: record._id,
    kind: record.origin === 'LEGACY' ? 'LEGACY' : record.kind,
    state: record.state,
    organizationId: record.organizationId,
    principalId: record.principalId,
    ...(record.revokedBecause === 'PRINCIPAL_REMOVED' && { revokedBecause: 'PRINCIPAL_REMOVED' }),
    ...(record.expireTime && { expireTime: record.expireTime.getTime() }),
    ...(record.permissions && {
      permissions: PermissionSet.of(
        record.permissions.flatMap((name) => catalogue.permissions.get(name)?.number ?? []),
      ),
    }),
  };
}

/** Every hash under which the key is found. */
export const hashesOf = (record: KeyRecord): string[] => (record.hash === undefined ? [] : [record.hash]);

/** A service account lives exactly as long as its one key. */
export function serviceAccountFact(record: KeyRecord): PrincipalFact {
  const states = { PENDING: 'JOINING', ACTIVE: 'ACTIVE', REVOKED: 'REMOVED' } as const;
  return {
    id: record.principalId,
    organizationId: record.organizationId,
    state: states[record.state],
    userId: '',
  };
}

export function personalToken(record: KeyRecord): keyV1.PersonalToken {
  return {
    id: record._id,
    organizationId: record.organizationId,
    memberId: record.principalId,
    name: record.name,
    hint: record.hint,
    permissions: record.permissions ?? [],
    createTime: record.createTime,
    expireTime: record.expireTime,
  };
}

export function serviceKey(record: KeyRecord): keyV1.ServiceKey {
  return {
    id: record._id,
    organizationId: record.organizationId,
    serviceAccountId: record.principalId,
    name: record.name,
    hint: record.hint,
    origin: keyV1.KeyOrigin[record.origin],
    workspaceIds: record.workspaceIds,
    roleId: record.roleId,
    createdBy: record.createdBy,
    createTime: record.createTime,
    expireTime: record.expireTime,
  };
}
