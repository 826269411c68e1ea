import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';

/**
 * grpc-js is content when one of a name's addresses can be bound, and half of the clients then reach whoever has the others.
 * @throws Error with a readable sentence when one is taken
 */
export async function assertFree(listen: string): Promise<void> {
  const colon = listen.lastIndexOf(':');
  const port = Number(listen.slice(colon + 1));
  if (!Number.isInteger(port) || colon < 1) throw new Error(`cannot listen on '${listen}': it must be host:port`);
  if (port === 0) return;
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, '');
  for (const { address } of await lookup(host, { all: true })) {
    await new Promise<void>((resolve, reject) => {
      const probe = createServer();
      probe.once('error', (error: NodeJS.ErrnoException) => {
        // A machine without IPv6 still resolves localhost to ::1.
        if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') return resolve();
        const why = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message;
        reject(new Error(`cannot listen on ${listen}: ${why}`, { cause: error }));
      });
      probe.listen({ host: address, port, ipv6Only: true }, () => probe.close(() => resolve()));
    });
  }
}
