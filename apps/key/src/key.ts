import { type KeyKind, type KnownKey } from '@latchkey/facts';
import { keyV1 } from '@latchkey/proto';
import { type AppErrorOptions } from '@latchkey/service';

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
  /** SHA-256 of the secret before the last rotation, hex. Absent: there was none. Those before it are forgotten. */
  previousHash?: string;
  /** Until when the previous secret works beside the present one. Absent: not at all, since the very rotation. */
  overlapEndTime?: Date;
  /** When it was last rotated. Absent: never. */
  rotateTime?: Date;
  /** The last characters of the secret; empty for an imported key, whose secret was never seen. */
  hint: string;
  name: string;
  state: 'PENDING' | 'ACTIVE' | 'REVOKED';
  /** Since when it is out of use. Beside the state, not one of its values: a disabled key is as much there as any live one. */
  disableTime?: Date;
  /** Counts the changes of a live key. Absent: 0. */
  version?: number;
  /**
   * Only with REVOKED. NEVER_BOUND: its roles were refused, so it never worked. WORKSPACES_DELETED: the last workspace that
   * it acted in was deleted, which is then still named here.
   */
  revokedBecause?: 'DELETED' | 'PRINCIPAL_REMOVED' | 'NEVER_BOUND' | 'WORKSPACES_DELETED';
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
  /** Of a service key: a change of its role that is under way, or was refused. */
  roleChange?: RoleChange;
  /** The principal that created it; nothing depends on it. */
  createdBy: string;
  createTime: Date;
  /** Absent: never. */
  expireTime?: Date;
  revokeTime?: Date;
}

/** An intent: it takes effect in another service first, and here when that has answered. */
export interface RoleChange {
  /** The key's version since the intent. Names it to a repeat, and tells it from earlier ones in the other service. */
  version: number;
  roleId: string;
  /** Changes together with the role, or not at all. */
  name: string;
  grantedBy: string;
  /** Why it was taken back, for whoever repeats the call. Absent: it is under way. */
  refusal?: StoredRefusal;
}

export type StoredRefusal = Pick<AppErrorOptions, 'code' | 'reason' | 'message' | 'metadata'>;

/** The key as decisions see it. */
export function knownKey(record: KeyRecord): KnownKey {
  const { kind, origin, state, organizationId, principalId, userId, hash = '' } = record;
  // What most keys have not comes after, not among the rest: hundreds of thousands are remembered, and room for it in each.
  const known: KnownKey = {
    id: record._id,
    kind: origin === 'LEGACY' ? 'LEGACY' : kind,
    state: state === 'ACTIVE' && record.disableTime ? 'DISABLED' : state,
    organizationId,
    principalId,
    userId,
    hash,
    usedMinute: undefined,
  };
  return Object.assign(known, {
    ...(record.revokedBecause === 'PRINCIPAL_REMOVED' && { revokedBecause: 'PRINCIPAL_REMOVED' as const }),
    ...(record.overlapEndTime && { previousUntil: record.overlapEndTime.getTime() }),
    ...(record.expireTime && { expireTime: record.expireTime.getTime() }),
    ...(record.permissions && { narrowedTo: record.permissions }),
  });
}

/** Every hash under which the key is found. */
export const hashesOf = ({ hash, previousHash }: Pick<KeyRecord, 'hash' | 'previousHash'>): string[] =>
  [hash, previousHash].filter((each) => each !== undefined);

export function isExpired({ expireTime }: Pick<KeyRecord, 'expireTime'>, now: Date): boolean {
  return expireTime !== undefined && expireTime <= now;
}

export function etagOf(record: Pick<KeyRecord, 'version'>): string {
  return String(versionOf(record));
}

/** While it is live, two reads that show the same version show the same key. */
export function versionOf({ version = 0 }: Pick<KeyRecord, 'version'>): number {
  return version;
}

/** What both kinds show alike. */
function shown(record: KeyRecord, now: Date, lastUsedTime: Date | undefined) {
  const { overlapEndTime, disableTime, rotateTime } = record;
  const inUse = disableTime ? keyV1.KeyState.DISABLED : keyV1.KeyState.ACTIVE;
  return {
    state: isExpired(record, now) ? keyV1.KeyState.EXPIRED : inUse,
    etag: etagOf(record),
    lastUsedTime,
    rotateTime,
    overlapEndTime: overlapEndTime && overlapEndTime > now ? overlapEndTime : undefined,
  };
}

/** @param lastUsedTime for those who ask for the key, not for those who change it */
export function personalToken(record: KeyRecord, now: Date, lastUsedTime?: Date): keyV1.PersonalToken {
  return {
    id: record._id,
    organizationId: record.organizationId,
    memberId: record.principalId,
    name: record.name,
    hint: record.hint,
    permissions: record.permissions ?? [],
    createTime: record.createTime,
    expireTime: record.expireTime,
    ...shown(record, now, lastUsedTime),
  };
}

/** @param lastUsedTime for those who ask for the key, not for those who change it */
export function serviceKey(record: KeyRecord, now: Date, lastUsedTime?: Date): keyV1.ServiceKey {
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
    ...shown(record, now, lastUsedTime),
  };
}
