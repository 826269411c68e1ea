import { type auditV1 } from '@latchkey/proto';
import { type AppError, type CallContext, type Logger } from '@latchkey/service';
import type mongoose from 'mongoose';
import { auditDocument, type AuditQuery, type Change, listAudit } from './audit';
import { settledWithin } from './bounded';
import { type Checkpoint, noCheckpoint } from './checkpoint';
import { type AuditDocument, collectionsOf, type Collections, DURABLE, prepareCollections } from './collections';
import { type Enqueued, outboxId, putOutbox, removeOutbox, settledElsewhere } from './outbox';
import { type Codec, firstAnswer, keepAnswer } from './request-record';
import { inTransaction } from './transaction';

/** What a change is made with. Everything commits together or not at all. */
export interface Transaction {
  /** For every read and write of the change. One operation at a time. */
  readonly session: mongoose.ClientSession;
  /** The moment of the change, one for all that it writes. */
  readonly now: Date;
  /** Records the change in the organization's trail. */
  audit(change: Change): void;
  /** Promises work for after the commit; see {@link Enqueued}. Promising the same again makes it due anew. */
  enqueue(work: Enqueued): void;
  /**
   * Takes a promise back, because its work is done by this very change.
   * @throws AppError ABORTED (SETTLED_ELSEWHERE) with `mustExist` when it is gone: somebody else has finished the work.
   */
  settle(kind: string, key: string, options?: { readonly mustExist?: boolean }): Promise<void>;
}

export interface MutationsOptions {
  /** Open; to the service's own database. */
  readonly connection: mongoose.Connection;
  readonly log: Logger;
  readonly checkpoint?: Checkpoint;
  /** Called after a commit that has promised work which is due; wakes the relay. */
  readonly afterEnqueue?: () => void;
  readonly now?: () => Date;
}

/** The longest that recording a refusal may take, milliseconds. */
const REFUSAL_TIMEOUT_MS = 2_000;

/** The one path for every change of state: state, audit entry and promised work commit in one transaction. */
export class Mutations {
  readonly #connection: mongoose.Connection;
  readonly #collections: Collections;
  readonly #log: Logger;
  readonly #checkpoint: Checkpoint;
  readonly #afterEnqueue: () => void;
  readonly #now: () => Date;

  /** @throws Error when the connection is not open. */
  constructor(options: MutationsOptions) {
    this.#connection = options.connection;
    this.#collections = collectionsOf(options.connection);
    this.#log = options.log;
    this.#checkpoint = options.checkpoint ?? noCheckpoint;
    this.#afterEnqueue = options.afterEnqueue ?? (() => undefined);
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
   * @throws AppError INVALID_ARGUMENT (REQUEST_ID_REUSED), UNAVAILABLE (COMMIT_UNKNOWN), DEADLINE_EXCEEDED; what
   * `change` throws, after which nothing is changed.
   */
  async run<T>(
    ctx: CallContext,
    codec: Codec<T>,
    change: (tx: Transaction) => Promise<T>,
  ): Promise<{ answer: T; replayed: boolean }> {
    const { audit, outbox, requests } = this.#collections;
    const step = ctx.rpc.slice(ctx.rpc.lastIndexOf('/') + 1);
    const done = await inTransaction(this.#connection, ctx, async (session) => {
      const now = this.#now();
      if (ctx.requestId !== '') {
        const answer = await firstAnswer(requests, ctx, codec, now, session);
        if (answer !== undefined) return { answer, replayed: true, due: false };
      }
      // Collected afresh by each attempt: an attempt that was given up must leave no entry behind.
      const entries: AuditDocument[] = [];
      const promised = new Map<string, Enqueued>();
      const answer = await change({
        session,
        now,
        audit: (changed) => void entries.push(auditDocument(ctx, now, changed, 'SUCCEEDED')),
        enqueue: (work) => void promised.set(outboxId(work.kind, work.key), work),
        settle: async (kind, key, { mustExist = false } = {}) => {
          const taken = promised.delete(outboxId(kind, key));
          const removed = await removeOutbox(outbox, kind, key, session);
          if (mustExist && !removed && !taken) throw settledElsewhere();
        },
      });
      if (entries.length > 0) await audit.insertMany(entries, { session });
      for (const work of promised.values()) await putOutbox(outbox, work, now, session);
      if (ctx.requestId !== '') await keepAnswer(requests, ctx, codec, answer, session);
      await this.#checkpoint(`${step}:before-commit`);
      return { answer, replayed: false, due: [...promised.values()].some(({ delayMs = 0 }) => delayMs <= 0) };
    });
    if (!done.replayed) await this.#checkpoint(`${step}:committed`);
    if (done.due) this.#afterEnqueue();
    return { answer: done.answer, replayed: done.replayed };
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
