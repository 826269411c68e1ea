import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectLatchkey, type LatchkeyClient, type LatchkeyOptions, type Question } from '@latchkey/client';
import { keyV1 } from '@latchkey/proto';
import {
  callerOnly,
  createLogger,
  rpc,
  type RpcTable,
  selfUser,
  service,
  startServer,
  stream,
} from '@latchkey/service';
import { createPki, type Link, openLink, type Pki } from '@latchkey/testing';

// Servers that speak as replicas of key do, over real sockets, and lend nobody the right to answer: so every question is asked.

export const QUESTION: Question = {
  key: 'lk_pat_x',
  permission: 'projects:read',
  workspaceId: 'ws_01h455vb4pex5vsknk084sn02q',
};

export interface Replica {
  /** What clients connect to. */
  readonly link: Link;
  /** Questions that it was asked. */
  asked: number;
  /** WatchGrants streams that were opened, and those of them that are open. */
  readonly streams: { opened: number; open: number };
  /** Waits before it answers. */
  before: () => Promise<void>;
  stop(): Promise<void>;
}

export class Replicas {
  private readonly ends: (() => Promise<void> | void)[] = [];

  private constructor(
    private readonly dir: string,
    private readonly pki: Pki,
  ) {}

  static async create(): Promise<Replicas> {
    const dir = mkdtempSync(join(tmpdir(), 'latchkey-replicas-'));
    return new Replicas(dir, await createPki(dir, ['key', 'shop']));
  }

  async start(): Promise<Replica> {
    const streams = { opened: 0, open: 0 };
    const allowed = { allowed: true, reason: keyV1.DecisionReason.ALLOWED, decisionId: 'd', principal: undefined };
    const answer = { ...allowed, legacy: undefined };
    const asked = async (): Promise<keyV1.AuthorizeResponse> => {
      replica.asked++;
      await replica.before();
      return answer;
    };
    const table = {
      authorize: rpc(callerOnly('shop'), asked),
      batchAuthorize: rpc(callerOnly('shop'), async ({ checks }: keyV1.BatchAuthorizeRequest) => {
        const value = await asked();
        return { results: checks.map(() => ({ outcome: { $case: 'response' as const, value } })) };
      }),
      authorizeUser: rpc(selfUser(), () => Promise.resolve(allowed)),
      introspectKey: rpc(callerOnly('shop'), () => Promise.resolve({ ...answer, active: true })),
      watchGrants: stream(callerOnly('shop'), () => {
        streams.opened++;
        streams.open++;
        return { received: () => undefined, expiring: () => undefined, closed: () => void streams.open-- };
      }),
    } satisfies RpcTable<keyV1.AuthorizationServiceService>;
    const server = await startServer({
      listen: 'localhost:0',
      tls: this.pki.files('key'),
      services: [service(keyV1.AuthorizationServiceService, table)],
      frontEnds: [],
      guard: {
        authorize: () => Promise.reject(new Error('nobody is asked here')),
        identify: () => Promise.reject(new Error('nobody is asked here')),
      },
      log: createLogger({ name: 'replica', level: 'silent' }),
      ready: () => Promise.resolve(),
      limits: { drainMs: 0, graceMs: 1_000 },
    });
    const link = await openLink(server.port);
    const stop = async (): Promise<void> => {
      link.close();
      await server.stop();
    };
    this.ends.push(stop);
    const replica: Replica = { link, asked: 0, streams, before: () => Promise.resolve(), stop };
    return replica;
  }

  /** A client of all of them, under one target. */
  client(ports: readonly number[], options: Partial<LatchkeyOptions> = {}): LatchkeyClient {
    const address =
      ports.length === 1 ? `localhost:${ports[0]}` : `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join()}`;
    const client = connectLatchkey({ address, tls: this.pki.files('shop'), ...options });
    this.ends.push(() => client.close());
    return client;
  }

  async end(): Promise<void> {
    // Clients before servers: in the reverse order of their making.
    for (const end of this.ends.reverse()) await end();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
