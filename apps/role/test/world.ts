import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CatalogueFact, decide, type PrincipalFact, PermissionSet, type RoleFact } from '@latchkey/decision';
import { auditV1, identityV1, keyV1, roleV1 } from '@latchkey/proto';
import {
  AppError,
  callerOnly,
  createLogger,
  type Logger,
  rpc,
  type RpcTable,
  service,
  startServer,
  stream,
} from '@latchkey/service';
import {
  type As,
  createPki,
  type Engine,
  freePort,
  openClient,
  type Pki,
  type Promised,
  startDatabase,
} from '@latchkey/testing';
import { typeid } from 'typeid-js';
import { startRoleApp } from '../src/app';
import { type RoleConfig, roleConfig } from '../src/config';

// The real service over real sockets and a real database. identity and key are stand-ins of the real contract: identity
// says what a test has told it, key decides with the real decision about the facts that the service under test gives it.

interface StandInMember {
  readonly id: string;
  readonly organizationId: string;
  readonly userId: string;
  active: boolean;
}

export interface Person {
  readonly memberId: string;
  readonly userId: string;
  readonly as: As;
}

export class World {
  readonly lines: string[] = [];
  readonly log: Logger = createLogger({
    name: 'role',
    level: 'debug',
    destination: { write: (l) => this.lines.push(l) },
  });
  readonly members = new Map<string, StandInMember>();
  /** Workspace id to its organization and whether it is active. */
  readonly workspaces = new Map<string, { organizationId: string; active: boolean }>();
  /** Organizations that delegate service keys. */
  readonly delegating = new Set<string>();
  /** Called with each question about a member, before it is answered. */
  onMemberFact: (memberId: string) => void = () => undefined;
  /** The same for workspaces. */
  onWorkspaceFact: (workspaceId: string) => void = () => undefined;
  private readonly closing: (() => Promise<void> | void)[] = [];
  private constructor(
    readonly dir: string,
    readonly pki: Pki,
    readonly database: Engine,
    readonly config: RoleConfig,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<World> {
    const dir = mkdtempSync(join(tmpdir(), 'latchkey-role-'));
    const pki = await createPki(join(dir, 'tls'), ['identity', 'role', 'key', 'worker', 'ops', 'stranger']);
    const database = await startDatabase({ dir: join(dir, 'database'), log: () => undefined });
    const tls = pki.files('role');
    const config = roleConfig({
      LATCHKEY_LISTEN: `localhost:${await freePort()}`,
      MONGODB_URI: database.uri,
      LATCHKEY_TLS_CA: tls.ca,
      LATCHKEY_TLS_CERT: tls.cert,
      LATCHKEY_TLS_KEY: tls.key,
      LATCHKEY_IDENTITY_ADDRESS: `localhost:${await freePort()}`,
      LATCHKEY_KEY_ADDRESS: `localhost:${await freePort()}`,
      LATCHKEY_FRONT_ENDS: 'ops',
      ...env,
    });
    const world = new World(dir, pki, database, config);
    try {
      await world.startStandIns();
      const app = await startRoleApp(config, { log: world.log });
      world.closing.push(() => app.stop());
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const close of this.closing.splice(0).toReversed()) await close();
    await this.database.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Clients with the certificate of this caller. */
  as(caller: string) {
    const tls = this.pki.files(caller);
    const at = <C extends Parameters<typeof openClient>[0]>(Client: C) => {
      const opened = openClient(Client, this.config.listen, tls);
      this.closing.push(() => opened.close());
      return opened.calls;
    };
    return {
      permissions: at(roleV1.PermissionServiceClient) as Promised<roleV1.PermissionServiceClient>,
      roles: at(roleV1.RoleServiceClient) as Promised<roleV1.RoleServiceClient>,
      bindings: at(roleV1.BindingServiceClient) as Promised<roleV1.BindingServiceClient>,
      facts: at(roleV1.FactServiceClient) as Promised<roleV1.FactServiceClient>,
      audit: at(auditV1.AuditServiceClient) as Promised<auditV1.AuditServiceClient>,
    };
  }

  newWorkspace(organizationId: string): string {
    const id = typeid('ws').toString();
    this.workspaces.set(id, { organizationId, active: true });
    return id;
  }

  /** A member whom identity knows, and nobody has bound yet. */
  newPerson(organizationId: string): Person {
    const id = typeid('mem').toString();
    const userId = typeid('user').toString();
    this.members.set(id, { id, organizationId, userId, active: true });
    return { memberId: id, userId, as: { user: userId } };
  }

  /** An organization with its founder and a workspace. */
  async newOrganization(): Promise<{ organizationId: string; workspaceId: string; admin: Person }> {
    const organizationId = typeid('org').toString();
    const admin = this.newPerson(organizationId);
    await this.asIdentity().bindings.bindPrincipal({ organizationId, principalId: admin.memberId });
    return { organizationId, workspaceId: this.newWorkspace(organizationId), admin };
  }

  /** A new member with these roles. */
  async join(
    organizationId: string,
    grantedBy: Person,
    roles: { readonly organizationRoleId?: string; readonly workspaceRoles?: readonly roleV1.WorkspaceRole[] } = {},
  ): Promise<Person> {
    const person = this.newPerson(organizationId);
    const grant = { organizationId, principalId: person.memberId, grantedBy: grantedBy.memberId };
    const { organizationRoleId = '', workspaceRoles = [] } = roles;
    await this.asIdentity().bindings.bindPrincipal({
      ...grant,
      organizationRoleId,
      workspaceRoles: [...workspaceRoles],
    });
    return person;
  }

  asIdentity(): ReturnType<World['as']> {
    return (this.identity ??= this.as('identity'));
  }

  private async startStandIns(): Promise<void> {
    const facts = {
      getOrganizationFact: rpc(callerOnly('role', 'key'), ({ organizationId }: { organizationId: string }) =>
        Promise.resolve({
          fact: {
            organizationId,
            active: true,
            delegateServiceKeys: this.delegating.has(organizationId),
            personalTokensDisabled: false,
          },
        }),
      ),
      getWorkspaceFact: rpc(callerOnly('role', 'key'), ({ workspaceId }: { workspaceId: string }) => {
        this.onWorkspaceFact(workspaceId);
        const workspace = this.workspaces.get(workspaceId);
        return Promise.resolve({ fact: workspace && { workspaceId, ...workspace } });
      }),
      getMemberFact: rpc(callerOnly('role', 'key'), ({ memberId }: { memberId: string }) => {
        this.onMemberFact(memberId);
        return Promise.resolve({ fact: factOf(this.members.get(memberId)) });
      }),
      findMemberFact: rpc(callerOnly('role', 'key'), (request: identityV1.FindMemberFactRequest) =>
        Promise.resolve({ fact: factOf(this.findMember(request.organizationId, request.userId)) }),
      ),
    } satisfies RpcTable<identityV1.FactServiceService>;

    const authorization = {
      authorize: rpc(callerOnly('role'), () => Promise.reject(new Error('no keys in these tests'))),
      batchAuthorize: rpc(callerOnly('role'), () => Promise.reject(new Error('no keys in these tests'))),
      introspectKey: rpc(callerOnly('role'), () => Promise.reject(new Error('no keys in these tests'))),
      authorizeUser: rpc(callerOnly('role'), (request: keyV1.AuthorizeUserRequest) => this.authorizeUser(request)),
      // No memory in these tests: every decision is asked for.
      watchGrants: stream(callerOnly('role'), () => {
        throw new AppError({ code: 'UNAVAILABLE', reason: 'NO_MEMORY', message: 'not in these tests' });
      }),
    } satisfies RpcTable<keyV1.AuthorizationServiceService>;

    for (const [name, listen, registration] of [
      ['identity', this.config.identityAddress, service(identityV1.FactServiceService, facts)],
      ['key', this.config.keyAddress, service(keyV1.AuthorizationServiceService, authorization)],
    ] as const) {
      const server = await startServer({
        listen,
        tls: this.pki.files(name),
        services: [registration],
        frontEnds: [],
        log: this.log,
        ready: () => Promise.resolve(),
        limits: { drainMs: 0 },
      });
      this.closing.push(() => server.stop());
    }
  }

  private findMember(organizationId: string, userId: string): StandInMember | undefined {
    return [...this.members.values()].find(
      (member) => member.organizationId === organizationId && member.userId === userId && member.active,
    );
  }

  private async authorizeUser(request: keyV1.AuthorizeUserRequest): Promise<keyV1.AuthorizeUserResponse> {
    const { organizationId, workspaceId, userId, permission } = request;
    const { facts } = (this.key ??= this.as('key'));
    const member = this.findMember(organizationId, userId);
    const workspace = this.workspaces.get(workspaceId);
    const { binding } = member ? await facts.getBindingFact({ principalId: member.id }) : { binding: undefined };
    const roles = new Map<string, RoleFact>();
    for (const id of [binding?.organizationRoleId, ...(binding?.workspaceRoles ?? []).map(({ roleId }) => roleId)]) {
      const { fact } = id ? await facts.getRoleFact({ roleId: id }) : { fact: undefined };
      const scope = fact?.scope === roleV1.Scope.ORGANIZATION ? 'organization' : 'workspace';
      if (fact) roles.set(fact.roleId, { scope, permissions: PermissionSet.fromBytes(fact.permissionBits) });
    }
    const principal: PrincipalFact | undefined = member && { id: member.id, organizationId, userId, state: 'ACTIVE' };
    const decision = decide(
      { permission, workspaceId, organizationId },
      {
        entry: { kind: 'user', userId },
        organization: { id: organizationId, state: 'ACTIVE' },
        principal,
        workspace: workspace && { id: workspaceId, ...workspace, state: workspace.active ? 'ACTIVE' : 'DELETED' },
        binding: binding && {
          organizationRoleId: binding.organizationRoleId,
          workspaceRoles: new Map(binding.workspaceRoles.map((role) => [role.workspaceId, role.roleId])),
        },
        roles,
        catalogue: catalogueOf(await facts.getCatalogueFact({})),
      },
      Date.now(),
    );
    return {
      allowed: decision.allowed,
      reason: keyV1.DecisionReason[decision.reason],
      decisionId: '',
      principal: member && { organizationId, principalId: member.id, userId, keyId: '', narrowed: false },
    };
  }

  private key: ReturnType<World['as']> | undefined;
  private identity: ReturnType<World['as']> | undefined;
}

function factOf(member: StandInMember | undefined): identityV1.MemberFact | undefined {
  if (!member) return undefined;
  const { ACTIVE, REMOVED } = identityV1.MemberLiveness;
  const { id: memberId, organizationId, userId, active } = member;
  return { memberId, organizationId, userId, liveness: active ? ACTIVE : REMOVED };
}

function catalogueOf({ version, entries }: roleV1.GetCatalogueFactResponse): CatalogueFact {
  const permissions = entries.map(({ name, number, scope }) => {
    const place = scope === roleV1.Scope.ORGANIZATION ? ('organization' as const) : ('workspace' as const);
    return [name, { number, scope: place }] as const;
  });
  return { version, permissions: new Map(permissions) };
}

/** The code and reason of the refusal that the call must meet. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  const outcome = await call.then(
    () => new Error('it was not refused'),
    (error: unknown) => error,
  );
  if (outcome instanceof Error && 'code' in outcome && 'reason' in outcome) return `${outcome.code} ${outcome.reason}`;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}
