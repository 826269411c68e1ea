import { type auditV1 } from '@latchkey/proto';
import { AppError, type CallContext, type Logger } from '@latchkey/service';
import type mongoose from 'mongoose';
import { auditDocument, type AuditQuery, type Change, listAudit } from './audit';
import { settledWithin } from './bounded';
import { type Checkpoint, noCheckpoint } from './checkpoint';
import { type EntityKind } from './entities';
import { eventsOf, forgetInvalidations, INVALIDATION, promiseInvalidation } from './invalidation';
import { type MutationBarrier } from './live/live-barrier';
import { collectionsOf, type Collections, DURABLE, prepareCollections } from './collections';
import { type Enqueued, outboxId, putOutbox, removeOutbox, settledElsewhere } from './outbox';
import { type OutboxHandler } from './outbox-relay';
import { type ChangeEvent, type Delta } from './protocol';
import { type Codec, firstAnswer, keepAnswer } from './request-record';
import { inTransaction } from './transaction';

/** What a change is made with. Everything commits together or not at all. */
export interface Transaction {
  /** For every read and write of the change. One operation at a time. */
  readonly session: mongoose.ClientSession;
  /** The moment of the change, one for all that it writes. */
  readonly now: Date;
  /** Promises work for after the commit; see {@link Enqueued}. Promising the same again makes it due anew. */
  enqueue(work: Enqueued): void;
  /**
   * Says that decisions made from this entity are no longer to be had from anybody's memory: `run` answers only when no
   * replica holds it any more. To be called before anything is looked up that may refuse the change, so that a refusal which
   * means "it is so already" is one that holds everywhere too. `hashes`: all under which a key is, was or becomes found.
   */
  changed(kind: EntityKind, id: string, hashes?: readonly string[]): void;
  /**
   * Says what the change makes of an entity that was {@link changed}: a replica that holds the version before goes on with this one,
   * and has nothing to read. Only for what all replicas may know, and decisions depend on. Not told where hashes change too.
   * @throws Error where it was not said to be changed, without hashes
   */
  renewed(kind: EntityKind, id: string, delta: Delta): void;
  /**
   * Takes a promise back, because its work is done by this very change.
   * @throws AppError ABORTED (SETTLED_ELSEWHERE) with `mustExist` when it is gone: somebody else has finished the work.
   */
  settle(kind: string, key: string, options?: { readonly mustExist?: boolean }): Promise<void>;
  /** Ends the change with its answer, and with what stands in the trail of it, entry by entry. */
  audited<T>(answer: T, ...changes: readonly Change[]): Accounted<T>;
  /** Ends one that has found nothing to change. @throws Error where it promises work, or says what it makes of an entity */
  unchanged<T>(answer: T): Accounted<T>;
  /** Ends one that only keeps the books of a change under way, which has its entries before or after. */
  underway<T>(answer: T): Accounted<T>;
}

const accounted = Symbol('accounted');

/**
 * The answer of a change that has accounted for itself. Only a {@link Transaction} makes one, so that a change which
 * forgets the trail is a type error.
 */
export interface Accounted<T> {
  readonly answer: T;
  readonly [accounted]: readonly Change[];
}

export interface MutationsOptions {
  /** Open; to the service's own database. */
  readonly connection: mongoose.Connection;
  readonly log: Logger;
  readonly checkpoint?: Checkpoint;
  /** Called after a commit that has promised work which is due; wakes the relay. */
  readonly afterEnqueue?: () => void;
  /** What makes changes visible everywhere. Without it nothing is waited for: for tests of a service that nobody caches. */
  readonly barrier?: MutationBarrier;
  readonly now?: () => Date;
}

/** How long the sweeper waits for one barrier, milliseconds: longer than a lease. */
const SWEEP_TIMEOUT_MS = 15_000;
/** The longest that recording a refusal may take, milliseconds. */
const REFUSAL_TIMEOUT_MS = 2_000;

/** The one path for every change of state: state, audit entry and promised work commit in one transaction. */
export class Mutations {
  readonly #connection: mongoose.Connection;
  readonly #collections: Collections;
  readonly #log: Logger;
  readonly #checkpoint: Checkpoint;
  readonly #afterEnqueue: () => void;
  readonly #barrier: MutationBarrier | undefined;
  readonly #now: () => Date;
  /** Of a bump that was answered in this turn. */
  #kept: string[] = [];

  /** @throws Error when the connection is not open. */
  constructor(options: MutationsOptions) {
    this.#connection = options.connection;
    this.#collections = collectionsOf(options.connection);
    this.#log = options.log;
    this.#checkpoint = options.checkpoint ?? noCheckpoint;
    this.#afterEnqueue = options.afterEnqueue ?? (() => undefined);
    this.#barrier = options.barrier;
    this.#now = options.now ?? (() => new Date());
  }

  /** Creates the collections and indexes of the trail, the outbox and the first answers. Before the first `run`. */
  async prepare(): Promise<void> {
    await prepareCollections(this.#connection);
  }

  /**
   * Makes a change and answers. `change` may run several times (conflicts with other transactions), so it must keep no
   * state of its own between two runs and touch nothing outside `tx`. A repeat of `ctx.requestId` by the same actor
   * within 24 hours gets the first answer, `replayed`, and changes nothing.
   *
   * The answer is stored: it must not carry a secret. Add that to the returned answer, unless `replayed`.
   *
   * @throws AppError INVALID_ARGUMENT (REQUEST_ID_REUSED), UNAVAILABLE (COMMIT_UNKNOWN, NOT_YET_VISIBLE, EPOCH_BEHIND, RESTORE_UNDER_WAY), DEADLINE_EXCEEDED; what
   * `change` throws, after which nothing is changed.
   */
  async run<T>(
    ctx: CallContext,
    codec: Codec<T>,
    change: (tx: Transaction) => Promise<Accounted<T>>,
  ): Promise<{ answer: T; replayed: boolean }> {
    const { audit, outbox, requests } = this.#collections;
    const step = ctx.rpc.slice(ctx.rpc.lastIndexOf('/') + 1);
    // Better not made than made and never visible.
    const madeIn = this.#barrier?.admit?.();
    let concerned: readonly ChangeEvent[] = [];
    let done;
    try {
      done = await inTransaction(this.#connection, ctx, async (session) => {
        const now = this.#now();
        // Collected afresh by each attempt: an attempt that was given up must leave nothing behind.
        const promised = new Map<string, Enqueued>();
        const events = new Map<string, ChangeEvent>();
        const deltas = new Map<string, Delta>();
        if (ctx.requestId !== '') {
          const first = await firstAnswer(requests, ctx, codec, now, session);
          if (first !== undefined) return { ...first, replayed: true, due: false, invalidationKey: undefined };
        }
        const { answer, [accounted]: changes } = await change({
          session,
          now,
          enqueue: (work) => void promised.set(outboxId(work.kind, work.key), work),
          changed: (kind, id, hashes = []) => {
            events.set(changeKey(kind, id, hashes), { kind, id, hashes });
            concerned = [...events.values()];
          },
          renewed: (kind, id, delta) => {
            const key = changeKey(kind, id);
            if (!events.has(key)) throw new Error(`${key} is renewed, and was not changed: nobody would hear of it`);
            deltas.set(key, delta);
          },
          settle: async (kind, key, { mustExist = false } = {}) => {
            const taken = promised.delete(outboxId(kind, key));
            const removed = await removeOutbox(outbox, kind, key, session);
            if (mustExist && !removed && !taken) throw settledElsewhere();
          },
          audited: (given, ...what) => ({ answer: given, [accounted]: what }),
          unchanged: (given) => {
            if (promised.size > 0 || deltas.size > 0)
              throw new Error(`${ctx.rpc} changes nothing, and yet says what it does`);
            return { answer: given, [accounted]: [] };
          },
          underway: (given) => ({ answer: given, [accounted]: [] }),
        });
        const entries = changes.map((what) => auditDocument(ctx, now, what, 'SUCCEEDED'));
        const due = [...promised.values()].some(({ delayMs = 0 }) => delayMs <= 0);
        if (entries.length > 0) await audit.insertMany(entries, { session });
        for (const work of promised.values()) await putOutbox(outbox, work, now, session);
        const invalidationKey =
          this.#barrier && (await promiseInvalidation(outbox, [...events.values()], now, session));
        if (ctx.requestId !== '') await keepAnswer(requests, ctx, codec, answer, [...events.values()], session);
        await this.#checkpoint(`${step}:before-commit`);
        const told = [...events].map(([key, event]) => ({ ...event, delta: deltas.get(key) }));
        return { answer, events: told, replayed: false, due, invalidationKey };
      });
    } catch (error) {
      if (meansItIsSo(error)) await this.#pass(concerned, ctx);
      throw error;
    }
    if (!done.replayed) await this.#checkpoint(`${step}:committed`);
    if (done.due) this.#afterEnqueue();
    // A repeat too: the first attempt may have died between its commit and its bump.
    await this.#pass(done.events, ctx, done.invalidationKey, madeIn);
    return { answer: done.answer, replayed: done.replayed };
  }

  /**
   * Waits until every replica knows of changes that are made already, by whomever: to be called before a caller is told outside of
   * {@link run} that something is so.
   * @throws AppError UNAVAILABLE (NOT_YET_VISIBLE), DEADLINE_EXCEEDED
   */
  async confirm(events: readonly ChangeEvent[], ctx: CallContext): Promise<void> {
    await this.#pass(events, ctx);
  }

  /** What the relay does with the events that a crash has left between a commit and its bump: it bumps them. */
  get sweeper(): Record<string, OutboxHandler> {
    return {
      [INVALIDATION]: async ({ payload }, { signal }) => {
        await this.#barrier?.pass(eventsOf(payload), { deadline: Date.now() + SWEEP_TIMEOUT_MS, signal });
        return 'done';
      },
    };
  }

  /** Waits until the events are applied everywhere. Once they are bumped, then or later, the promise to bump them is kept. */
  async #pass(
    events: readonly ChangeEvent[],
    ctx: CallContext,
    invalidationKey?: string,
    madeIn?: string,
  ): Promise<void> {
    if (events.length === 0 || this.#barrier === undefined) return;
    // What a race of checks against this change is timed by: from here on replicas hear of it.
    ctx.log.debug({ events: events.map(({ kind, id }) => `${kind}:${id}`) }, 'announced');
    const bumped = (): void => {
      if (invalidationKey !== undefined) this.#bumped(invalidationKey);
    };
    await this.#barrier.pass(events, ctx, bumped, madeIn);
    await this.#checkpoint(`${ctx.rpc.slice(ctx.rpc.lastIndexOf('/') + 1)}:visible`);
  }

  /** The promise to bump is kept; with all others of the same bump, it is removed. */
  #bumped(invalidationKey: string): void {
    const kept = this.#kept;
    kept.push(invalidationKey);
    if (kept.length > 1) return;
    queueMicrotask(() => {
      this.#kept = [];
      forgetInvalidations(this.#collections.outbox, kept).catch((err: unknown) =>
        this.#log.debug({ err }, 'kept promises could not be removed: the sweeper bumps once more'),
      );
    });
  }

  /**
   * Records that a change was refused. Never throws and takes at most 2 s: a trail that cannot be written is logged and
   * must not turn the refusal into another answer. `organizationId` is the organization that the actor belongs to, so that
   * nobody can write into a stranger's trail.
   */
  async refused(
    ctx: CallContext,
    refusal: { readonly organizationId: string; readonly object?: Change['object']; readonly error: AppError },
  ): Promise<void> {
    const { organizationId, object = { kind: '', id: '' }, error } = refusal;
    try {
      const entry = auditDocument(ctx, this.#now(), { organizationId, object }, 'REFUSED', error.reason);
      const written = this.#collections.audit.insertOne(entry, { writeConcern: DURABLE });
      if ((await settledWithin(written, REFUSAL_TIMEOUT_MS)) === undefined) {
        throw new Error(`the database did not answer within ${REFUSAL_TIMEOUT_MS} ms`);
      }
    } catch (err) {
      this.#log.error({ err, rpc: ctx.rpc, reason: error.reason }, 'a refusal could not be recorded');
    }
  }

  /**
   * A page of one organization's trail, newest first.
   * @throws AppError INVALID_ARGUMENT for a page token that is none.
   */
  async listAudit(query: AuditQuery): Promise<auditV1.ListAuditEntriesResponse> {
    return await listAudit(this.#collections.audit, query);
  }
}

/** One for each change that a transaction names; what is said of it once more is said of the same. */
function changeKey(kind: EntityKind, id: string, hashes: readonly string[] = []): string {
  return `${kind}:${id}:${hashes.join()}`;
}

const IT_IS_SO: ReadonlySet<string> = new Set(['NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION']);

/** Whether a refusal tells the caller something about the state that the caller may rely on from now on. */
function meansItIsSo(error: unknown): boolean {
  return error instanceof AppError && IT_IS_SO.has(error.code);
}
