import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/**
 * `delayed`: everything arrives, late. `blackHole`: nothing arrives, in neither direction. `halfOpen`: what is asked arrives
 * and is done, and no answer comes back.
 */
export type LinkState = 'open' | 'delayed' | 'blackHole' | 'halfOpen';

/** A TCP link that can be broken in ways that neither end is told of. */
export interface Link {
  readonly port: number;
  /** How many connections were made over it so far. */
  readonly connections: number;
  /** How many of them are open. */
  readonly open: number;
  /** What was lost is lost: connections that lost something end when the link is opened again. */
  set(state: LinkState, delayMs?: number): void;
  close(): void;
}

/** A link to `port` of this machine. */
export async function openLink(port: number): Promise<Link> {
  let state: LinkState = 'open';
  let delay = 0;
  let connections = 0;
  const sockets = new Set<Socket>();
  const lossy = new Set<Socket>();
  const forward = (from: Socket, to: Socket, direction: 'asked' | 'answered'): void => {
    // Each chunk after the one before it, however the delays change.
    let last = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      if (state === 'blackHole' || (state === 'halfOpen' && direction === 'answered')) {
        lossy.add(from).add(to);
        return;
      }
      const due = new Promise<void>((resolve) => (state === 'delayed' ? setTimeout(resolve, delay) : resolve()));
      last = Promise.all([last, due]).then(() => void (to.writable && to.write(chunk)));
    });
  };
  const server = createServer((client) => {
    connections++;
    const target = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(socket);
      // An end that is gone is gone for both; why does not matter here.
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    forward(client, target, 'asked');
    forward(target, client, 'answered');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size / 2;
    },
    set: (next, delayMs = 0) => {
      state = next;
      delay = delayMs;
      if (next !== 'open') return;
      for (const socket of lossy) socket.destroy();
      lossy.clear();
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
