import type { Http2SecureServer } from 'node:http2';
import type * as grpc from '@grpc/grpc-js';

/** What a gRPC server listens with, and the connections of each. The list is private to grpc-js 1.14.7; whatever uses it has a test. */
export function http2ServersOf(server: grpc.Server): ReadonlyMap<Http2SecureServer, { readonly sessions?: unknown }> {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  return servers instanceof Map ? (servers as Map<Http2SecureServer, { sessions?: unknown }>) : new Map();
}
