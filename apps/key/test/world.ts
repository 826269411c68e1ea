import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Entity, Mutations, type Subject, type View } from '@latchkey/coherence';
import { BUILT_IN_ROLE_IDS, PermissionSet, type PrincipalFact, type RoleFact } from '@latchkey/decision';
import { judge, type Memory, type Value } from '@latchkey/facts';
import { AppError, createLogger, type Principal, type PrincipalContext, systemContext } from '@latchkey/service';
import { type Engine, startDatabase } from '@latchkey/testing';
import mongoose from 'mongoose';
import { typeid } from 'typeid-js';
import { type Deps } from '../src/deps';
import { type FactSource } from '../src/fact-source';
import { keyStore } from '../src/key-store';
import { legacySunsetStore } from '../src/legacy-sunset-store';
import { tokenOwnerStore } from '../src/token-owner-store';
import { usageStore } from '../src/usage-store';
import { fillFrom } from '../src/fill';

export const log = createLogger({ name: 'test', level: 'silent' });

export const newId = (prefix: string): string => typeid(prefix).toString();

const NAMES = [
  ['projects:read', 'workspace'],
  ['projects:write', 'workspace'],
  ['workspaces:manage-keys', 'workspace'],
  ['organization:read', 'organization'],
  ['organization:pats:create', 'organization'],
] as const;

export const catalogue = {
  version: 1,
  permissions: new Map(NAMES.map(([name, scope], number) => [name as string, { number, scope }])),
};

/** A small world of members, workspaces and roles in memory; what is not in it is absent. */
export function memoryFacts() {
  const calls: string[] = [];
  const facts = {
    calls,
    down: false,
    tokensDisabled: new Set<string>(),
    organizations: new Map<string, 'CREATING' | 'ACTIVE' | 'DELETED'>(),
    members: new Map<string, PrincipalFact>(),
    workspaces: new Map<string, { organizationId: string; state: 'ACTIVE' | 'DELETED' }>(),
    bindings: new Map<string, { organizationRoleId?: string; workspaceRoles: Map<string, string> }>(),
    roles: new Map<string, RoleFact>([
      [BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN, { scope: 'workspace', permissions: PermissionSet.of([0, 1, 2]) }],
      [BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER, { scope: 'workspace', permissions: PermissionSet.of([0]) }],
      [BUILT_IN_ROLE_IDS.ORGANIZATION_USER, { scope: 'organization', permissions: PermissionSet.of([3, 4]) }],
    ]),
  };
  const asked = <T>(what: string, answer: T): Promise<T> => {
    calls.push(what);
    if (!facts.down) return Promise.resolve(answer);
    return Promise.reject(new AppError({ code: 'UNAVAILABLE', reason: 'DEPENDENCY_UNAVAILABLE', message: 'away' }));
  };
  const source: Omit<FactSource, 'findKey' | 'findLegacySunset'> = {
    getOrganization: (id) => {
      const state = facts.organizations.get(id);
      return asked('organization', state && { id, state, personalTokensDisabled: facts.tokensDisabled.has(id) });
    },
    getMember: (id) => asked('member', facts.members.get(id)),
    findMember: (organizationId, userId) =>
      asked(
        'findMember',
        [...facts.members.values()].find(
          (m) => m.organizationId === organizationId && m.userId === userId && m.state !== 'REMOVED',
        ),
      ),
    getWorkspace: (id) => {
      const workspace = facts.workspaces.get(id);
      return asked('workspace', workspace && { id, ...workspace });
    },
    getBinding: (id) => asked('binding', facts.bindings.get(id)),
    getRole: (id) => asked('role', facts.roles.get(id)),
    getCatalogue: () => asked('catalogue', catalogue),
  };
  return { facts, source };
}

type Read = Map<string, Entity<Value> | null>;

/** A memory that keeps nothing, unless it is given where: every check reads its facts anew, one after the other. */
export function readingEachTime(source: FactSource, now: () => number, kept?: Read): Memory {
  const load = fillFrom(source, () => systemContext('key', { log, timeoutMs: 2_000 }));
  return {
    now,
    remembersHash: () => false,
    async check(evaluate) {
      const found: Read = kept ?? new Map();
      const nameOf = (subject: Subject) => (subject.by === 'hash' ? subject.hash : `${subject.kind} ${subject.id}`);
      const byId = (kind: string, id: string) => found.get(`${kind} ${id}`);
      const view: View<Value> = {
        byHash: (hash) => found.get(hash),
        byId,
        byLink: (_from, kind, id) => byId(kind, id),
      };
      for (;;) {
        const attempt = evaluate(view, { mono: 0, wall: 0 });
        if ('answer' in attempt) return attempt.answer;
        const { entities } = await load(attempt.missing);
        found.set(nameOf(attempt.missing), entities[0] ?? null);
      }
    },
  };
}

export type MemoryFacts = ReturnType<typeof memoryFacts>;

/** An organization with one workspace and one member, who is an organization User and Admin of the workspace. */
export function settle({ facts }: MemoryFacts) {
  const organizationId = newId('org');
  const workspaceId = newId('ws');
  const memberId = newId('mem');
  const userId = newId('user');
  facts.organizations.set(organizationId, 'ACTIVE');
  facts.workspaces.set(workspaceId, { organizationId, state: 'ACTIVE' });
  facts.members.set(memberId, { id: memberId, organizationId, userId, state: 'ACTIVE' });
  facts.bindings.set(memberId, {
    organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_USER,
    workspaceRoles: new Map([[workspaceId, BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN]]),
  });
  return { organizationId, workspaceId, memberId, userId };
}

export function context(
  rpc: string,
  of: { organizationId: string; memberId: string; userId: string },
  more: { requestId?: string; requestDigest?: string; keyId?: string } = {},
): PrincipalContext {
  const { requestId = '', requestDigest = 'digest', keyId = '' } = more;
  const principal: Principal = {
    organizationId: of.organizationId,
    principalId: of.memberId,
    userId: of.userId,
    keyId,
    viaKey: keyId !== '',
    narrowed: false,
  };
  const actor = { principalId: of.memberId, userId: of.userId, keyId };
  return {
    ...systemContext('ops', { log, timeoutMs: 30_000 }),
    rpc: `latchkey.key.v1.Test/${rpc}`,
    requestId,
    requestDigest,
    actor,
    principal,
  };
}

/** Role's side of service accounts: what was bound, and what it answers next. */
export function memoryBindings({ facts }: MemoryFacts) {
  const state = { bound: [] as string[], removed: [] as string[], failNext: undefined as AppError | undefined };
  const answer = <T>(value: T): Promise<T> => {
    const error = state.failNext;
    state.failNext = undefined;
    return error ? Promise.reject(error) : Promise.resolve(value);
  };
  const refuse = (): Promise<never> => Promise.reject(new Error('not in this world'));
  const client: Deps['bindings'] = {
    setOrganizationRole: refuse,
    addWorkspaceMember: refuse,
    setWorkspaceRole: refuse,
    removeWorkspaceMember: refuse,
    removeWorkspace: refuse,
    getBinding: refuse,
    listBindings: refuse,
    closeSeat: refuse,
    reopenSeat: refuse,
    bindPrincipal: async (request) => {
      const response = await answer({ binding: undefined });
      state.bound.push(request.principalId);
      facts.bindings.set(request.principalId, {
        workspaceRoles: new Map(request.workspaceRoles.map((r) => [r.workspaceId, r.roleId])),
      });
      return response;
    },
    checkServiceAccountGrant: () => answer({}),
    rebindServiceAccount: async (request) => {
      const response = await answer({ binding: undefined });
      const workspaces = facts.bindings.get(request.principalId)?.workspaceRoles.keys() ?? [];
      const workspaceRoles = new Map([...workspaces].map((id) => [id, request.roleId]));
      facts.bindings.set(request.principalId, { workspaceRoles });
      return response;
    },
    removePrincipal: async (request) => {
      const response = await answer({ rolesRemoved: 1 });
      state.removed.push(request.principalId);
      facts.bindings.delete(request.principalId);
      return response;
    },
  };
  return { state, client };
}

/** The service over a database of its own, with its neighbours in memory. */
export async function startWorld() {
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-key-'));
  const engine: Engine = await startDatabase({ dir, log: () => undefined });
  const database = await mongoose
    .createConnection(engine.uri, { dbName: newId('test'), autoCreate: false, autoIndex: false })
    .asPromise();
  const memory = memoryFacts();
  const bindings = memoryBindings(memory);
  const keys = keyStore(database);
  const owners = tokenOwnerStore(database);
  const sunsets = legacySunsetStore(database);
  const usage = usageStore(database);
  const mutations = new Mutations({ connection: database, log });
  for (const store of [mutations, keys, owners, sunsets]) await store.prepare();
  const source: FactSource = {
    ...memory.source,
    findKey: (hash) => keys.findByHash(hash),
    findLegacySunset: (organizationId) => sunsets.find(organizationId),
  };
  const clock = { now: Date.now };
  const deps: Deps = {
    mutations,
    keys,
    owners,
    sunsets,
    usage,
    source,
    judge: judge({ memory: readingEachTime(source, () => clock.now()), brand: 'lk' }),
    holders: {
      parameters: { leaseMs: 5_000, pollMs: 200 },
      open: () => ({ said: () => undefined, closed: () => undefined }),
      used: () => undefined,
    },
    bindings: bindings.client,
    now: () => clock.now(),
    brand: 'lk',
    followUpDelayMs: 15_000,
  };
  return {
    deps,
    memory,
    bindings: bindings.state,
    database,
    uri: engine.uri,
    clock,
    stop: async () => {
      await database.close();
      await engine.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export type World = Awaited<ReturnType<typeof startWorld>>;
