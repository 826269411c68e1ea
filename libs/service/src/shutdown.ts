import { constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as grpc from '@grpc/grpc-js';
import { http2ServersOf } from './http2-servers';

export interface ShutdownLimits {
  /** For running calls to end, ms. */
  readonly graceMs: number;
}

const LAST_ANSWERS_MS = 200;

/** Takes no new calls, lets the running ones end, then closes every connection. Takes graceMs and half a second at most. */
export async function shutDown(
  server: grpc.Server,
  running: ReadonlySet<symbol>,
  { graceMs }: ShutdownLimits,
): Promise<void> {
  let closed = false;
  const closing = new Promise<void>((resolve) => {
    server.tryShutdown(() => {
      closed = true;
      resolve();
    });
  });
  const end = performance.now() + graceMs;
  while (!closed && running.size > 0 && performance.now() < end) await Promise.race([closing, sleep(20)]);
  // With every call answered, what still holds a connection open is a health watch or a reflection stream; those never end
  // by themselves. The last answers get a moment to leave.
  if (!closed) await Promise.race([closing, sleep(LAST_ANSWERS_MS)]);
  server.forceShutdown();
  destroySessions(server);
  await Promise.race([closing, sleep(LAST_ANSWERS_MS)]);
  // A client that hung up leaves its handler running; the stores under it must not be closed before it ends.
  while (running.size > 0 && performance.now() < end) await sleep(20);
}

// forceShutdown() of grpc-js 1.14.7 forgets the connections when channelz is off: it looks into a list that only channelz
// fills. A test that leaves a watch open guards this one.
function destroySessions(server: grpc.Server): void {
  for (const { sessions } of http2ServersOf(server).values()) {
    if (!(sessions instanceof Set)) continue;
    for (const session of sessions as Set<{ destroy(error?: Error, code?: number): void }>) {
      session.destroy(undefined, constants.NGHTTP2_CANCEL);
    }
  }
}
