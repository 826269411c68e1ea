import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger } from '@latchkey/service';
import type mongoose from 'mongoose';
import { type Checkpoint, noCheckpoint } from './checkpoint';
import { collectionsOf, DURABLE, type OutboxDocument, type OutboxPayload } from './collections';

/** Promised work, as its handler sees it. */
export interface OutboxEntry {
  readonly kind: string;
  readonly key: string;
  readonly payload: OutboxPayload;
  readonly createdAt: Date;
  /** 1 for the first delivery; back to 1 after `againInMs`. */
  readonly attempt: number;
}

export interface Delivery {
  /** Aborted when the lease ends, from when on another relay may deliver the same, and when stop() has waited enough. */
  readonly signal: AbortSignal;
}

/**
 * Does the work and says so, or asks to be called again. Must be idempotent: a delivery may be repeated, and in rare cases
 * two run at once. What it throws is logged, and the work is tried again later, for ever.
 */
export type OutboxHandler = (
  entry: OutboxEntry,
  delivery: Delivery,
) => Promise<'done' | { readonly againInMs: number }>;

export interface OutboxRelayOptions {
  /** Open; to the database whose `Mutations` promise the work. */
  readonly connection: mongoose.Connection;
  /** By kind. Work of other kinds is left alone: a newer version may know it. */
  readonly handlers: Readonly<Record<string, OutboxHandler>>;
  readonly log: Logger;
  /** How often to look for work that nobody has announced, ms. Default 1,000. */
  readonly pollMs?: number;
  /** How long one delivery may take before it counts as crashed, ms; much more than clocks differ. Default 30,000. */
  readonly leaseMs?: number;
  /** Deliveries at a time. Default 4. */
  readonly concurrency?: number;
  /** The longest that stop() waits for running deliveries, ms. Default 10,000. */
  readonly stopMs?: number;
  readonly checkpoint?: Checkpoint;
  readonly now?: () => Date;
  /** From 0 (inclusive) to 1; spreads the repeats of failed deliveries. */
  readonly random?: () => number;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 60_000;

type Leased = OutboxDocument & { leaseOwner: string };

/**
 * Brings promised work to its handlers, at least once and in no particular order. Any number of relays may work on one
 * outbox: a lease gives each entry to one at a time, and what a crash left behind is delivered again when it ends.
 */
export class OutboxRelay {
  readonly #options: Required<OutboxRelayOptions>;
  readonly #outbox: mongoose.mongo.Collection<OutboxDocument>;
  readonly #running = new Set<Promise<void>>();
  readonly #controllers = new Set<AbortController>();
  #loop: Promise<void> | undefined;
  #stopping = false;
  #poked = false;
  #wake: () => void = () => undefined;

  /** @throws Error when the connection is not open. */
  constructor(options: OutboxRelayOptions) {
    const { connection, handlers, log, pollMs = 1_000, leaseMs = 30_000, concurrency = 4, stopMs = 10_000 } = options;
    // Not spread over defaults: an option that is given as undefined must get its default, too.
    const { checkpoint = noCheckpoint, now = () => new Date(), random = Math.random } = options;
    this.#options = {
      connection,
      handlers,
      log,
      pollMs,
      leaseMs,
      concurrency,
      stopMs,
      checkpoint,
      now,
      random,
    };
    this.#outbox = collectionsOf(connection).outbox;
  }

  /** Begins to deliver. Once. */
  start(): void {
    this.#loop ??= this.#deliverUntilStopped();
  }

  /** There is work: look now instead of at the next poll. */
  poke(): void {
    this.#poked = true;
    this.#wake();
  }

  /** Takes no more work and waits for what is running, at most `stopMs`; what is not done by then is delivered again. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    const ended = Promise.all([this.#loop, ...this.#running]).then(async () => {
      // The loop may have begun one more while it was being told.
      await Promise.all(this.#running);
    });
    const timer = new AbortController();
    const late = sleep(this.#options.stopMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([ended, late]);
    timer.abort();
    for (const controller of this.#controllers) controller.abort(new Error('the relay has stopped'));
  }

  async #deliverUntilStopped(): Promise<void> {
    const { log, concurrency, pollMs } = this.#options;
    while (!this.#stopping) {
      this.#poked = false;
      let full = false;
      try {
        full = !(await this.#claimAll(concurrency));
      } catch (err) {
        log.warn({ err }, 'the outbox could not be read; trying again');
      }
      // Full: the end of any delivery wakes the loop, and so does a poke, which then finds it full again.
      if (!this.#stopping && !this.#poked) await this.#pause(full ? undefined : pollMs);
    }
  }

  /** Claims while there is room and work; answers false when room was what ended it. */
  async #claimAll(concurrency: number): Promise<boolean> {
    while (!this.#stopping && this.#running.size < concurrency) {
      const entry = await this.#claim();
      if (entry === undefined) return true;
      const delivery = this.#deliver(entry).finally(() => {
        const wasFull = this.#running.size >= concurrency;
        this.#running.delete(delivery);
        if (wasFull) this.poke();
      });
      this.#running.add(delivery);
    }
    return this.#running.size < concurrency;
  }

  async #claim(): Promise<Leased | undefined> {
    const { handlers, leaseMs, now } = this.#options;
    const leaseOwner = randomUUID();
    const time = now();
    const claimed = await this.#outbox.findOneAndUpdate(
      { nextAttemptAt: { $lte: time }, kind: { $in: Object.keys(handlers) } },
      { $set: { nextAttemptAt: new Date(time.getTime() + leaseMs), leaseOwner }, $inc: { attempts: 1 } },
      {
        sort: { nextAttemptAt: 1 },
        returnDocument: 'after',
        writeConcern: DURABLE,
      },
    );
    return claimed === null ? undefined : { ...claimed, leaseOwner };
  }

  /** Never rejects: whatever goes wrong is logged, and the lease brings the entry back. */
  async #deliver(entry: Leased): Promise<void> {
    const { checkpoint, handlers, log } = this.#options;
    const { kind, key, payload, createdAt, attempts } = entry;
    const words = { outboxKind: kind, outboxKey: key, attempt: attempts };
    const controller = new AbortController();
    const leaseLeftMs = entry.nextAttemptAt.getTime() - this.#options.now().getTime();
    const timer = setTimeout(() => controller.abort(new Error('the lease of the delivery has ended')), leaseLeftMs);
    // A handler that hangs must not keep a process up that has stopped its relay.
    timer.unref();
    this.#controllers.add(controller);
    try {
      await checkpoint(`relay:${kind}:claimed`);
      const handler = handlers[kind];
      if (handler === undefined) throw new Error(`no handler for outbox entries of kind ${kind}`);
      let outcome: Awaited<ReturnType<OutboxHandler>>;
      try {
        outcome = await handler({ kind, key, payload, createdAt, attempt: attempts }, { signal: controller.signal });
      } catch (err) {
        const againInMs = this.#backOffMs(attempts);
        log.warn({ err, ...words, againInMs }, 'an outbox entry could not be delivered; trying again');
        await this.#release(entry, againInMs, attempts);
        return;
      }
      await checkpoint(`relay:${kind}:handled`);
      if (outcome === 'done') await this.#remove(entry);
      else await this.#release(entry, outcome.againInMs, 0);
    } catch (err) {
      log.warn({ err, ...words }, 'the outcome of a delivery could not be recorded; it will be repeated');
    } finally {
      clearTimeout(timer);
      this.#controllers.delete(controller);
    }
  }

  #backOffMs(attempts: number): number {
    const longest = Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), LONGEST_RETRY_MS);
    return Math.round(longest * (0.5 + this.#options.random() / 2));
  }

  // Both only while the lease is ours: an entry that was claimed or promised anew since is not ours to settle.
  async #remove({ _id, leaseOwner }: Leased): Promise<void> {
    await this.#outbox.deleteOne({ _id, leaseOwner }, { writeConcern: DURABLE });
  }

  async #release({ _id, leaseOwner }: Leased, againInMs: number, attempts: number): Promise<void> {
    const nextAttemptAt = new Date(this.#options.now().getTime() + againInMs);
    await this.#outbox.updateOne(
      { _id, leaseOwner },
      { $set: { nextAttemptAt, attempts }, $unset: { leaseOwner: '' } },
      { writeConcern: DURABLE },
    );
  }

  /** Until woken, or for `ms`. */
  async #pause(ms: number | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
