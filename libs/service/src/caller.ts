import { type ServerUnaryCall } from '@grpc/grpc-js';

type Call = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>;

// A connection's certificate never changes, and asking for it costs more than the rest of the adapter: 30 to 40 µs.
const callers = new WeakMap<object, string | undefined>();

const SPIFFE_NAME = /^URI:spiffe:\/\/latchkey\/([a-z][a-z0-9-]{0,62})$/;

/** The name in the peer's verified certificate, undefined when it has no usable one. */
export function callerOf(call: Call): string | undefined {
  const session = sessionOf(call);
  if (!session) return read(call);
  if (!callers.has(session)) callers.set(session, read(call));
  return callers.get(session);
}

/**
 * What is one per connection: grpc-js's HTTP/2 session, behind two private fields. Without them (another version) every
 * call takes the slow public way; a test fails then.
 */
export function sessionOf(call: unknown): object | undefined {
  let inner = field(call, 'call');
  // Interceptors wrap the call in others, of which each holds the next.
  for (let next = field(inner, 'nextCall'); next !== undefined; next = field(inner, 'nextCall')) inner = next;
  const session = field(field(inner, 'stream'), 'session');
  return typeof session === 'object' && session !== null ? session : undefined;
}

function field(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null ? (Reflect.get(holder, name) as unknown) : undefined;
}

function read(call: Call): string | undefined {
  return spiffeName(call.getAuthContext().sslPeerCertificate?.subjectaltname ?? '');
}

/** `ops` of `DNS:localhost, URI:spiffe://latchkey/ops`; undefined for none, two, a foreign or a strange one. */
export function spiffeName(names: string): string | undefined {
  // Node quotes a name with a comma or a quote in it. We issue none, so a quote means somebody is trying something.
  if (names.includes('"')) return undefined;
  const uris = names.split(', ').filter((name) => name.startsWith('URI:'));
  return uris.length === 1 ? SPIFFE_NAME.exec(uris[0] ?? '')?.[1] : undefined;
}
