import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityV1, keyV1 } from '@latchkey/proto';
import {
  callerOnly,
  createLogger,
  type CallContext,
  type Guard,
  type Logger,
  type OnRefused,
  orGone,
  permission,
  type Principal,
  type PrincipalContext,
  rpc,
  type RpcTable,
  self,
  selfUser,
  service,
  type ServerOptions,
  type ServiceRegistration,
  startServer,
  stream,
  type StreamHandler,
  type StreamPeer,
} from '@latchkey/service';
import { createPki, issueLeaf, openClient, type Pki, type TlsFiles, writeLeaf } from '@latchkey/testing';

// A real server over real mTLS sockets, with services of the real contract and handlers that a test can turn.

export const ORGANIZATION = 'org_01h455vb4pex5vsknk084sn02q';
export const OTHER_ORGANIZATION = 'org_01h455vb4pex5vsknk084sn02r';
export const WORKSPACE = 'ws_01h455vb4pex5vsknk084sn02q';
export const USER = 'user_01h455vb4pex5vsknk084sn02q';
export const STRANGER = 'user_01h455vb4pex5vsknk084sn02r';
export const SECRET = `lk_pat_${'S3cretS3cretS3cretS3cretS3cretS3cretS3cretS3cret'}z`;

export const MEMBER: Principal = {
  organizationId: ORGANIZATION,
  principalId: 'mem_01h455vb4pex5vsknk084sn02q',
  userId: USER,
  keyId: '',
  viaKey: false,
  narrowed: false,
};
export const MEMBER_BY_KEY: Principal = { ...MEMBER, keyId: 'pat_01h455vb4pex5vsknk084sn02q', viaKey: true };

/** What a test may turn; whatever it sets is gone with the next `fresh()`. */
export interface Behaviour {
  create: (request: identityV1.CreateWorkspaceRequest, ctx: PrincipalContext) => Promise<void>;
  fact: (ctx: CallContext) => Promise<identityV1.WorkspaceFact | undefined>;
  authorize: Guard['authorize'];
  identify: Guard['identify'];
  refused: OnRefused;
  stream: (peer: StreamPeer<keyV1.WatchGrantsResponse>) => StreamHandler<keyV1.WatchGrantsRequest>;
  ready: () => Promise<void>;
}

export const allowAll: Guard['authorize'] = (credential) =>
  Promise.resolve({
    allowed: true,
    reason: 'ALLOWED',
    principal: credential.kind === 'key' ? MEMBER_BY_KEY : MEMBER,
  });

const defaults: Behaviour = {
  create: () => Promise.resolve(),
  fact: () => Promise.resolve(undefined),
  authorize: allowAll,
  identify: (credential) =>
    Promise.resolve({ reason: 'ALLOWED', principal: credential.kind === 'key' ? MEMBER_BY_KEY : MEMBER }),
  refused: () => Promise.resolve(),
  ready: () => Promise.resolve(),
  stream: () => ({ received: () => undefined, expiring: () => undefined, closed: () => undefined }),
};

export class World {
  readonly lines: string[] = [];
  readonly log: Logger = createLogger({
    name: 'test',
    level: 'debug',
    destination: { write: (l) => this.lines.push(l) },
  });
  readonly does: Behaviour = { ...defaults };
  private readonly closing: (() => Promise<void> | void)[] = [];

  private constructor(
    readonly dir: string,
    readonly pki: Pki,
  ) {}

  static async create(): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), 'latchkey-service-'));
    return new World(dir, await createPki(dir, ['server', 'ops', 'key', 'worker']));
  }

  /** Default behaviour, no log lines. */
  fresh(): void {
    Object.assign(this.does, defaults);
    this.lines.length = 0;
  }

  registrations(): ServiceRegistration[] {
    const { does } = this;
    const workspaces = {
      createWorkspace: rpc(
        permission('organization:manage', { organization: 'organizationId' }),
        async (request: identityV1.CreateWorkspaceRequest, ctx) => {
          await does.create(request, ctx);
          return { workspace: undefined };
        },
      ),
      getWorkspace: rpc(
        permission('workspaces:read', { organization: 'organizationId', workspace: 'workspaceId' }),
        (request: identityV1.GetWorkspaceRequest) =>
          Promise.resolve({
            workspace: identityV1.Workspace.fromPartial({ id: request.workspaceId, name: 'n'.repeat(70_000) }),
          }),
      ),
      listWorkspaces: rpc(
        self({ organization: 'organizationId', bearer: false }),
        (_request: identityV1.ListWorkspacesRequest) => Promise.resolve({ workspaces: [], nextPageToken: '' }),
      ),
      deleteWorkspace: rpc(
        orGone(permission('workspaces:manage', { organization: 'organizationId', workspace: 'workspaceId' }), {
          organization: 'organizationId',
        }),
        (_request: identityV1.DeleteWorkspaceRequest) => Promise.resolve({}),
      ),
    } satisfies RpcTable<identityV1.WorkspaceServiceService>;
    const fact = async (_request: unknown, ctx: CallContext) => ({ fact: await does.fact(ctx) });
    const nothing = () => Promise.resolve({ fact: undefined });
    const facts = {
      getWorkspaceFact: rpc(callerOnly('key', 'ops'), fact),
      getOrganizationFact: rpc(callerOnly('key'), nothing),
      getMemberFact: rpc(callerOnly('key'), nothing),
      findMemberFact: rpc(callerOnly('key'), nothing),
    } satisfies RpcTable<identityV1.FactServiceService>;
    const answer = { allowed: false, reason: keyV1.DecisionReason.UNKNOWN_KEY, decisionId: '' };
    const authorization = {
      authorize: rpc(callerOnly('ops'), () => Promise.resolve({ ...answer, principal: undefined, legacy: undefined })),
      batchAuthorize: rpc(callerOnly('ops'), () => Promise.resolve({ results: [] })),
      authorizeUser: rpc(selfUser(), () => Promise.resolve({ ...answer, principal: undefined })),
      introspectKey: rpc(callerOnly('ops'), () =>
        Promise.resolve({ active: false, reason: answer.reason, principal: undefined, legacy: undefined }),
      ),
      watchGrants: stream(callerOnly('ops', 'key'), (peer: StreamPeer<keyV1.WatchGrantsResponse>) => does.stream(peer)),
    } satisfies RpcTable<keyV1.AuthorizationServiceService>;
    return [
      service(identityV1.WorkspaceServiceService, workspaces),
      service(identityV1.FactServiceService, facts),
      service(keyV1.AuthorizationServiceService, authorization),
    ];
  }

  options(more: Partial<ServerOptions> = {}): ServerOptions {
    const { does } = this;
    return {
      listen: 'localhost:0',
      tls: this.pki.files('server'),
      services: this.registrations(),
      frontEnds: ['ops'],
      guard: {
        authorize: (...args) => does.authorize(...args),
        identify: (...args) => does.identify(...args),
      },
      log: this.log,
      onRefused: (...args) => does.refused(...args),
      ready: () => does.ready(),
      limits: { drainMs: 0, graceMs: 2_000, ...more.limits },
      ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== 'limits')),
    };
  }

  async start(more: Partial<ServerOptions> = {}) {
    const server = await startServer(this.options(more));
    this.onEnd(() => server.stop());
    return { ...server, address: `localhost:${server.port}` };
  }

  /** Promised clients that hang up with the world. */
  clients(address: string, tls: { ca: string; cert?: string; key?: string } = this.pki.files('ops')) {
    const opened = [
      openClient(identityV1.WorkspaceServiceClient, address, tls),
      openClient(identityV1.FactServiceClient, address, tls),
      openClient(keyV1.AuthorizationServiceClient, address, tls),
    ] as const;
    this.onEnd(() => opened.forEach((client) => client.close()));
    return { workspaces: opened[0].calls, facts: opened[1].calls, authorization: opened[2].calls };
  }

  /** Files of a certificate with another URI name, or none. */
  async certificate(file: string, spiffe: string | undefined): Promise<TlsFiles> {
    const leaf = await issueLeaf(this.pki.authority, { name: file, dns: ['localhost'], ...(spiffe && { spiffe }) });
    return writeLeaf(this.dir, file, leaf);
  }

  onEnd(close: () => Promise<void> | void): void {
    this.closing.push(close);
  }

  async end(): Promise<void> {
    // Clients before servers: in the reverse order of their making.
    for (const close of this.closing.reverse()) await close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
