import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CallContext, createLogger, type Logger } from '@latchkey/service';
import { startDatabase } from '@latchkey/testing';
import mongoose from 'mongoose';
import { type Codec } from '../src';

/** A real database in a fresh folder, for one test file. Each `open()` is a database of its own in it. */
export interface TestDatabase {
  uri: string;
  open(): Promise<mongoose.Connection>;
  stop(): Promise<void>;
}

export async function startTestDatabase(): Promise<TestDatabase> {
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-coherence-'));
  const lines: string[] = [];
  const engine = await startDatabase({ dir, log: (line) => void lines.push(line) }).catch((error: unknown) => {
    throw new Error(lines.join('\n'), { cause: error });
  });
  const connections: mongoose.Connection[] = [];
  return {
    uri: engine.uri,
    open: async () => {
      const connection = await connectTo(engine.uri, `test_${randomUUID().slice(0, 8)}`);
      connections.push(connection);
      return connection;
    },
    stop: async () => {
      for (const connection of connections) await connection.close();
      await engine.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The URI asks for less than the code must: what the code states has to win. */
export async function connectTo(uri: string, dbName: string): Promise<mongoose.Connection> {
  return await mongoose
    .createConnection(uri, { dbName, monitorCommands: true, w: 1, journal: false, serverSelectionTimeoutMS: 2_000 })
    .asPromise();
}

export interface Captured {
  log: Logger;
  lines: string[];
}

export function capturedLog(): Captured {
  const lines: string[] = [];
  return {
    lines,
    log: createLogger({ name: 'test', level: 'trace', destination: { write: (line) => void lines.push(line) } }),
  };
}

/** The context of a call by mem_ALICE to `CreateThing`, with what the test wants to be different. */
export function call(overrides: Partial<CallContext> & { content?: string } = {}): CallContext {
  const { content = 'a thing', ...rest } = overrides;
  return {
    rpc: 'latchkey.test.v1.ThingService/CreateThing',
    caller: 'ops',
    deadline: Date.now() + 20_000,
    signal: new AbortController().signal,
    requestId: '',
    requestDigest: createHash('sha256').update(content).digest('hex'),
    log: capturedLog().log,
    traceparent: undefined,
    actor: { userId: 'user_alice', principalId: 'mem_alice', keyId: 'pat_alice' },
    ...rest,
  };
}

export interface Answer {
  name: string;
}

/** As the generated message types, without depending on one. */
export const AnswerCodec: Codec<Answer> = {
  encode: (answer) => ({ finish: () => Buffer.from(JSON.stringify(answer)) }),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Answer,
};

/** Where the state of the test's mutations lives. */
export interface Thing {
  _id: string;
  count: number;
}

/** A wire between client and database that can be cut so that neither side notices. */
export interface Wire {
  uri: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function wireTo(uri: string): Promise<Wire> {
  const { host } = new URL(uri);
  const [hostname, port] = [host.slice(0, host.lastIndexOf(':')), Number(host.slice(host.lastIndexOf(':') + 1))];
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    const far = connect(port, hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      if (isCut) from.pause();
      from.on('data', (data) => to.write(data));
      // Whichever end goes first takes the other one along; an error is just another way to go.
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    uri: `mongodb://127.0.0.1:${address.port}/?directConnection=true`,
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.pause();
    },
    mend: () => {
      isCut = false;
      for (const socket of sockets) socket.resume();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
