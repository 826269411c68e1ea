import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mutations, OutboxRelay } from '@latchkey/coherence';
import {
  AppError,
  type CallContext,
  createLogger,
  type PrincipalContext,
  systemContext,
  type UserContext,
} from '@latchkey/service';
import { type Engine, readAllDocuments, startDatabase } from '@latchkey/testing';
import { typeid } from 'typeid-js';
import { type DeletionQueue } from '../src/deletion-queue';
import { type Deps } from '../src/deps';
import { queueUnavailable } from '../src/errors';
import { openIdentityStore } from '../src/identity-store';
import { outboxHandlers } from '../src/outbox';
import { addMember } from '../src/rpc/add-member';
import { createOrganization } from '../src/rpc/create-organization';
import { createUser } from '../src/rpc/create-user';

export const log = createLogger({ name: 'test', level: 'silent' });

export const newId = (prefix: string): string => typeid(prefix).toString();

export const refusal = (reason: string, code: 'NOT_FOUND' | 'PERMISSION_DENIED' | 'FAILED_PRECONDITION') =>
  new AppError({ code, reason, message: reason });

/**
 * role's seats and bindings, as far as this service sees them, in memory. `before` runs at the start of each call and
 * may fail it.
 */
export function memoryRole() {
  const admins = new Map<string, { organizationId: string; open: boolean }>();
  const bound = new Set<string>();
  const removed = new Set<string>();
  const calls: string[] = [];
  const role = {
    admins,
    bound,
    removed,
    calls,
    /** How many batches of a workspace's removal are still to come after the next. */
    more: 0,
    before: (_call: string): Promise<void> => Promise.resolve(),
  };
  const begin = async (call: string): Promise<void> => {
    calls.push(call);
    await role.before(call);
  };
  const openSeats = (organizationId: string) =>
    [...admins.values()].filter((seat) => seat.organizationId === organizationId && seat.open).length;

  const bindings: Deps['bindings'] = {
    async bindPrincipal({ organizationId, principalId, grantedBy, organizationRoleId }) {
      await begin(`bind ${principalId}`);
      if (removed.has(principalId)) throw refusal('PRINCIPAL_GONE', 'FAILED_PRECONDITION');
      bound.add(principalId);
      const admin = grantedBy === '' || organizationRoleId === ADMIN_ROLE;
      if (admin && !admins.has(principalId)) admins.set(principalId, { organizationId, open: true });
      return { binding: undefined };
    },
    async removePrincipal({ principalId }) {
      await begin(`remove ${principalId}`);
      removed.add(principalId);
      bound.delete(principalId);
      admins.delete(principalId);
      return { rolesRemoved: 1 };
    },
    async removeWorkspace({ workspaceId }) {
      await begin(`remove ${workspaceId}`);
      return { rolesRemoved: 1, more: role.more-- > 0 };
    },
    async closeSeat({ organizationId, memberId }) {
      await begin(`close ${memberId}`);
      const seat = admins.get(memberId);
      if (seat?.open && openSeats(organizationId) === 1) throw refusal('LAST_ADMIN', 'FAILED_PRECONDITION');
      if (seat) seat.open = false;
      return { heldSeat: seat !== undefined };
    },
    async reopenSeat({ memberId }) {
      await begin(`reopen ${memberId}`);
      const seat = admins.get(memberId);
      if (seat) seat.open = true;
      return {};
    },
  };
  return { role, bindings };
}

export const ADMIN_ROLE = 'role_0000000000e008000000000001';

/** The queue as a list; `down` refuses. An id that is there already is ignored, as BullMQ does. */
export function memoryQueue() {
  const state = { down: false, jobs: [] as string[] };
  const queue: DeletionQueue = {
    add: (jobId) => {
      if (state.down) return Promise.reject(queueUnavailable());
      if (!state.jobs.includes(jobId)) state.jobs.push(jobId);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
  return { state, queue };
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/**
 * The service without its server, over a real database; role and the queue are in memory, and the relay has a clock to
 * turn.
 */
export async function startWorld() {
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-identity-'));
  const engine: Engine = await startDatabase({ dir, log: () => undefined });
  const store = await openIdentityStore(engine.uri);
  const mutations = new Mutations({ connection: store.connection, log });
  await store.prepare();
  await mutations.prepare();
  const { role, bindings } = memoryRole();
  const serviceKeys: Deps['serviceKeys'] = {
    removeWorkspace: ({ workspaceId }) => {
      role.calls.push(`keys ${workspaceId}`);
      return Promise.resolve({ keysChanged: 0, keysRevoked: 0, more: false });
    },
  };
  const { state: jobs, queue } = memoryQueue();
  const deps: Deps = {
    log,
    config: { frontEnds: ['ops'], followUpDelayMs: 15_000, seatClosingMs: 30_000 },
    ...store.stores,
    mutations,
    bindings,
    serviceKeys,
  };
  const handlers = outboxHandlers(deps, { queue, deletionPendingTooLongMs: 30_000 });

  return {
    deps,
    role,
    jobs,
    handlers,
    uri: engine.uri,
    store,

    /** What the outbox promises now. */
    async outbox(): Promise<{ kind: string; key: string }[]> {
      const documents = await readAllDocuments(engine.uri);
      return documents
        .filter(({ collection }) => collection === 'outbox')
        .map(({ document }) => ({ kind: String(document.kind), key: String(document.key) }));
    },

    /** Delivers what will be due within `aheadMs`, until nothing is. */
    async relay(aheadMs: number): Promise<void> {
      const now = () => new Date(Date.now() + aheadMs);
      const relay = new OutboxRelay({ connection: store.connection, handlers, log, pollMs: 20, now });
      relay.start();
      await new Promise((resolve) => setTimeout(resolve, 400));
      await relay.stop();
    },

    async stop(): Promise<void> {
      await store.connection.close();
      await engine.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

let requests = 0;

export function context(rpc: string, more: Partial<CallContext> = {}): CallContext {
  const requestDigest = `digest-${(requests += 1)}`;
  return {
    ...systemContext('ops', { log, timeoutMs: 30_000 }),
    rpc: `latchkey.identity.v1.Test/${rpc}`,
    requestDigest,
    ...more,
  };
}

export function asUser(userId: string, rpc: string, more: Partial<CallContext> = {}): UserContext {
  return { ...context(rpc, { actor: { userId }, ...more }), userId };
}

export interface Person {
  organizationId: string;
  memberId: string;
  userId: string;
}

export function asMember(person: Person, rpc: string, more: Partial<CallContext> = {}): PrincipalContext {
  const { organizationId, memberId: principalId, userId } = person;
  const principal = { organizationId, principalId, userId, keyId: '', viaKey: false, narrowed: false };
  return { ...context(rpc, { actor: { userId, principalId }, ...more }), principal };
}

export async function newUser({ deps }: World): Promise<string> {
  const email = `${newId('user')}@example.com`;
  const { user } = await createUser(deps)({ email, displayName: 'Someone', requestId: '' }, context('CreateUser'));
  return user?.id ?? '';
}

/** A new organization and its founder. */
export async function newOrganization(world: World): Promise<Person> {
  const userId = await newUser(world);
  const ctx = asUser(userId, 'CreateOrganization');
  const { organization } = await createOrganization(world.deps)({ displayName: 'Acme', requestId: '' }, ctx);
  return { organizationId: organization?.id ?? '', memberId: organization?.founderMemberId ?? '', userId };
}

/** A new person, whom `by` has added to its organization. */
export async function addPerson(world: World, by: Person, organizationRoleId: string): Promise<Person> {
  const { organizationId } = by;
  const userId = await newUser(world);
  const request = { organizationId, userId, organizationRoleId, workspaceRoles: [], requestId: '' };
  const { member } = await addMember(world.deps)(request, asMember(by, 'AddMember'));
  return { organizationId, userId, memberId: member?.id ?? '' };
}
