import { readFileSync } from 'node:fs';
import * as grpc from '@grpc/grpc-js';
import { auditV1, identityV1, keyV1, roleV1, rpc } from '@latchkey/proto';

/** What a client needs to know of a running suite: the content of `.latchkey/endpoints.json`. */
export interface Endpoints {
  identity: { address: string };
  role: { address: string; replicas?: string[] };
  key: { address: string; replicas?: string[] };
  /** File paths: the authority, and the client's own certificate and key. */
  tls: { ca: string; cert: string; key: string };
}

/** On whose behalf a call is made: a person whom the front end has signed in, or the holder of a key. */
export type As = { user: string } | { key: string };

export interface CallOptions {
  as?: As;
  /** Milliseconds; 15,000 unless said otherwise. */
  timeoutMs?: number;
  /** More metadata, as name and value. */
  metadata?: Record<string, string>;
}

type Unary<Q, A> = (
  request: Q,
  metadata: grpc.Metadata,
  options: Partial<grpc.CallOptions>,
  callback: (error: grpc.ServiceError | null, response: A) => void,
) => grpc.ClientUnaryCall;

const MAX_BACKOFF_MS = 500;
/** After so long, ms, every client has noticed that a service can be reached again; back-off is spread by a fifth. */
export const LONGEST_RECONNECT_MS = MAX_BACKOFF_MS * 1.2;

/** A generated client with promises: fields that are left out of a request have their defaults. */
export type Promised<C> = {
  [M in keyof C as C[M] extends Unary<infer _Q, infer _A> ? M : never]: C[M] extends Unary<infer Q, infer A>
    ? (request: Partial<Q>, options?: CallOptions) => Promise<A>
    : never;
};

/** What a call was refused with: the status, and the typed details that every service sends along. */
export class CallError extends Error {
  readonly code: string;
  readonly reason: string;
  readonly metadata: Record<string, string>;
  /** Field paths, as the request spells them in proto, with the rule that each breaks. */
  readonly violations: { field: string; rule: string }[];
  /** Milliseconds, when the server says when to try again. */
  readonly retryAfterMs: number | undefined;

  constructor(method: string, error: grpc.ServiceError) {
    const details = statusDetails(error);
    const info = details('google.rpc.ErrorInfo', rpc.ErrorInfo);
    super(`${method}: ${grpc.status[error.code]}${info ? ` (${info.reason})` : ''}: ${error.details}`);
    this.name = 'CallError';
    this.code = grpc.status[error.code] ?? String(error.code);
    this.reason = info?.reason ?? '';
    this.metadata = info?.metadata ?? {};
    this.violations = (details('google.rpc.BadRequest', rpc.BadRequest)?.fieldViolations ?? []).map((violation) => ({
      field: violation.field,
      rule: violation.reason,
    }));
    const delay = details('google.rpc.RetryInfo', rpc.RetryInfo)?.retryDelay;
    this.retryAfterMs = delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  }
}

function statusDetails(error: grpc.ServiceError) {
  const packed = error.metadata?.get('grpc-status-details-bin')[0];
  const details = packed instanceof Buffer ? rpc.Status.decode(packed).details : [];
  return <T>(type: string, codec: { decode(bytes: Uint8Array): T }): T | undefined => {
    const found = details.find((detail) => detail.typeUrl === `type.googleapis.com/${type}`);
    return found && codec.decode(found.value);
  };
}

interface GeneratedClient<C> {
  new (address: string, credentials: grpc.ChannelCredentials, options?: Partial<grpc.ClientOptions>): C;
  service: Record<string, { path: string; requestDeserialize(bytes: Buffer): unknown }>;
}

/**
 * One promised client over one service; `close` ends its channel. Without a `cert` in `tls` the client shows none.
 */
export function openClient<C extends grpc.Client>(
  Client: GeneratedClient<C>,
  address: string,
  tls: { ca: string; cert?: string; key?: string },
): { calls: Promised<C>; close(): void } {
  const read = (path: string | undefined): Buffer | null => (path ? readFileSync(path) : null);
  const client = new Client(address, grpc.credentials.createSsl(read(tls.ca), read(tls.key), read(tls.cert)), {
    'grpc.enable_channelz': 0,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': MAX_BACKOFF_MS,
  });
  const calls: Record<string, unknown> = {};
  for (const [method, definition] of Object.entries(Client.service)) {
    const defaults = definition.requestDeserialize(Buffer.alloc(0)) as object;
    calls[method] = (request: object, options: CallOptions = {}): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const invoke = client[method as keyof C] as Unary<object, unknown>;
        invoke.call(
          client,
          { ...defaults, ...request },
          metadataOf(options),
          { deadline: Date.now() + (options.timeoutMs ?? 15_000) },
          (error, answer) => (error ? reject(new CallError(definition.path, error)) : resolve(answer)),
        );
      });
  }
  return { calls: calls as Promised<C>, close: () => client.close() };
}

/** Each call to the next of them. */
function inTurn<P extends object>(replicas: readonly P[]): P {
  let turn = 0;
  const [first] = replicas;
  if (first === undefined) throw new RangeError('a client of nothing');
  if (replicas.length === 1) return first;
  const calls = Object.keys(first).map((method) => [
    method,
    (...given: unknown[]): unknown => {
      const call = replicas[turn++ % replicas.length]?.[method as keyof P] as (...given: unknown[]) => unknown;
      return call(...given);
    },
  ]);
  return Object.fromEntries(calls) as P;
}

function metadataOf({ as, metadata = {} }: CallOptions): grpc.Metadata {
  const result = new grpc.Metadata();
  if (as && 'user' in as) result.set('latchkey-actor', as.user);
  if (as && 'key' in as) result.set('authorization', `Bearer ${as.key}`);
  for (const [name, value] of Object.entries(metadata)) result.set(name, value);
  return result;
}

/** Promised clients of every service of a suite; authorization has one client per replica of key. */
export type Api = ReturnType<typeof openApi>;

export interface ApiOptions {
  /** Whether calls of role and key go to each of their replicas in turn, repeats too; all to the first if not given. */
  takeTurns?: boolean;
}

export function openApi(
  endpoints: Endpoints,
  tls: { ca: string; cert?: string; key?: string } = endpoints.tls,
  { takeTurns = false }: ApiOptions = {},
) {
  const open: { close(): void }[] = [];
  const at = <C extends grpc.Client>(Client: GeneratedClient<C>, ...addresses: string[]): Promised<C> => {
    const opened = addresses.map((address) => openClient(Client, address, tls));
    open.push(...opened);
    return inTurn(opened.map(({ calls }) => calls));
  };
  const identity = endpoints.identity.address;
  const replicas = endpoints.key.replicas ?? [endpoints.key.address];
  const role = takeTurns ? (endpoints.role.replicas ?? [endpoints.role.address]) : [endpoints.role.address];
  const key = takeTurns ? replicas : [endpoints.key.address];
  return {
    organizations: at(identityV1.OrganizationServiceClient, identity),
    workspaces: at(identityV1.WorkspaceServiceClient, identity),
    users: at(identityV1.UserServiceClient, identity),
    members: at(identityV1.MemberServiceClient, identity),
    deletions: at(identityV1.DeletionServiceClient, identity),
    identityFacts: at(identityV1.FactServiceClient, identity),
    permissions: at(roleV1.PermissionServiceClient, ...role),
    roles: at(roleV1.RoleServiceClient, ...role),
    bindings: at(roleV1.BindingServiceClient, ...role),
    roleFacts: at(roleV1.FactServiceClient, ...role),
    tokens: at(keyV1.PersonalTokenServiceClient, ...key),
    serviceKeys: at(keyV1.ServiceKeyServiceClient, ...key),
    legacyKeys: at(keyV1.LegacyKeyServiceClient, ...key),
    authorization: at(keyV1.AuthorizationServiceClient, ...key),
    authorizationReplicas: replicas.map((address) => at(keyV1.AuthorizationServiceClient, address)),
    audit: {
      identity: at(auditV1.AuditServiceClient, identity),
      role: at(auditV1.AuditServiceClient, ...role),
      key: at(auditV1.AuditServiceClient, ...key),
    },
    close: (): void => open.forEach((client) => client.close()),
  };
}
