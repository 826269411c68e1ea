import { type Entity } from '@latchkey/coherence/sans-io';
import { PermissionSet, type Scope } from '@latchkey/decision';
import { type keyV1 } from '@latchkey/proto';
import { type SharedIds } from './shared-ids';
import { type KnownKey, type Value, type Values } from './values';

type Message = NonNullable<keyV1.GrantEntity['value']>;

/** An entity as WatchGrants carries it. */
export function entityMessage({ kind, id, hashes, within, value }: Entity<Value>): keyV1.GrantEntity {
  // What stands under a kind was put there under that kind.
  const encode = ENCODE[kind as keyof Values] as (value: Value) => Message;
  return { id, hashes: [...hashes], within: [...within], value: encode(value) };
}

const ENCODE: { readonly [K in keyof Values]: (value: Values[K]) => Message } = {
  key: (key) => ({
    $case: 'key',
    value: {
      kind: key.kind,
      state: key.state,
      principalRemoved: key.revokedBecause === 'PRINCIPAL_REMOVED',
      organizationId: key.organizationId,
      principalId: key.principalId,
      userId: key.userId,
      hash: key.hash,
      previousUntilMs: key.previousUntil,
      expireTimeMs: key.expireTime,
      narrowed: key.narrowedTo !== undefined,
      narrowedTo: [...(key.narrowedTo ?? [])],
    },
  }),
  sunset: (value) => ({ $case: 'sunset', value }),
  organization: ({ state }) => ({ $case: 'organization', value: { state } }),
  member: ({ organizationId, userId, state }) => ({ $case: 'member', value: { organizationId, userId, state } }),
  workspace: ({ organizationId, state }) => ({ $case: 'workspace', value: { organizationId, state } }),
  binding: ({ organizationRoleId = '', workspaceRoles }) => ({
    $case: 'binding',
    value: { organizationRoleId, workspaceRoles: Object.fromEntries(workspaceRoles) },
  }),
  role: ({ scope, permissions }) => ({
    $case: 'role',
    value: { scope, permissionBits: Buffer.from(permissions.toBytes()) },
  }),
  catalogue: ({ version, permissions }) => ({
    $case: 'catalogue',
    value: {
      version: BigInt(version),
      permissions: [...permissions].map(([name, { number, scope }]) => ({ name, number, scope })),
    },
  }),
};

/**
 * The entity of a message; undefined where this version does not understand all of it, since half a fact is none. With one
 * string for each id: a principal is named by its key, its membership and its roles.
 */
export function entityOf(message: keyV1.GrantEntity, ids: SharedIds): Entity<Value> | undefined {
  const { hashes, within, value } = message;
  const id = value?.$case === 'key' ? message.id : ids.of(message.id);
  const decoded = value && decodedValue(id, value, ids);
  if (!value || decoded === undefined) return undefined;
  return { kind: value.$case, id, hashes, within, value: ids.sharing(value.$case, id, decoded) };
}

function decodedValue(id: string, message: Message, ids: SharedIds): Value | undefined {
  switch (message.$case) {
    case 'key':
      return keyOf(id, message.value, ids);
    case 'sunset':
      return message.value;
    case 'organization': {
      const state = oneOf(['CREATING', 'ACTIVE', 'DELETED'], message.value.state);
      return state && { id, state };
    }
    case 'member': {
      const { organizationId, userId } = message.value;
      const state = oneOf(['JOINING', 'ACTIVE', 'SUSPENDED', 'REMOVED'], message.value.state);
      return state && { id, organizationId, userId, state };
    }
    case 'workspace': {
      const state = oneOf(['ACTIVE', 'DELETED'], message.value.state);
      return state && { id, organizationId: message.value.organizationId, state };
    }
    case 'binding': {
      const { organizationRoleId, workspaceRoles } = message.value;
      const roles = new Map(Object.entries(workspaceRoles));
      return { ...(organizationRoleId && { organizationRoleId }), workspaceRoles: roles };
    }
    case 'role': {
      const scope = scopeOf(message.value.scope);
      return scope && { scope, permissions: PermissionSet.fromBytes(message.value.permissionBits) };
    }
    case 'catalogue': {
      const { version, permissions } = message.value;
      const known = permissions.flatMap(({ name, number, scope: declared }) => {
        const scope = scopeOf(declared);
        return scope ? [[name, { number, scope }] as const] : [];
      });
      return { version: Number(version), permissions: new Map(known) };
    }
  }
}

function keyOf(id: string, message: keyV1.GrantKey, ids: SharedIds): KnownKey | undefined {
  const kind = oneOf(['PERSONAL', 'SERVICE', 'LEGACY'], message.kind);
  const state = oneOf(['PENDING', 'ACTIVE', 'DISABLED', 'REVOKED'], message.state);
  const { organizationId, principalId, userId, hash, previousUntilMs, expireTimeMs } = message;
  return (
    kind &&
    state && {
      id,
      kind,
      state,
      organizationId,
      principalId: ids.of(principalId),
      userId,
      hash,
      usedMinute: undefined,
      ...(message.principalRemoved && { revokedBecause: 'PRINCIPAL_REMOVED' }),
      ...(previousUntilMs !== undefined && { previousUntil: previousUntilMs }),
      ...(expireTimeMs !== undefined && { expireTime: expireTimeMs }),
      ...(message.narrowed && { narrowedTo: message.narrowedTo }),
    }
  );
}

const scopeOf = (scope: string): Scope | undefined => oneOf(['organization', 'workspace'], scope);

function oneOf<const T extends string>(known: readonly T[], text: string): T | undefined {
  return known.find((each) => each === text);
}
