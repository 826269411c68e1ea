import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type CallContext, type Logger } from '@latchkey/service';
import {
  Barrier,
  type BarrierEffect,
  type ChangeEvent,
  type Clock,
  type EpochDocument,
  type Parameters,
} from '../protocol';
import { systemClock } from './clock';
import { type EpochChannel, HMAC } from './epoch-channel';
import { type EpochStore } from './epoch-store';
import { type Remembered } from './remembered';
import { EpochStanding, standingOf } from './standing';

export interface LiveBarrierOptions {
  readonly store: EpochStore;
  readonly channel: EpochChannel;
  readonly parameters: Parameters;
  readonly log: Logger;
  readonly clock?: () => Clock;
  /** What earlier lives and other processes have seen; undefined: nothing, as in a deployment without memory. */
  readonly remembered?: Remembered;
}

/** What mutations need of it. `admit` is missing where a test has put another barrier in its place. */
export type MutationBarrier = Pick<LiveBarrier, 'pass'> & Partial<Pick<LiveBarrier, 'admit'>>;

/** A mutation on its way through the barrier. */
interface Passage {
  readonly bumped: () => void;
  readonly passed: () => void;
}

/** For what has committed to be bumped when a process stops, ms. */
const STOP_LIMIT_MS = 1_000;
/** How often the barrier looks after its waits, ms. What comes over Redis is not bound to it. */
const TICK_MS = 20;
/** The same where there are none. */
const IDLE_TICK_MS = 200;

/** The writer's side of the protocol, in this process: makes committed changes visible everywhere. */
export class LiveBarrier {
  readonly #options: LiveBarrierOptions & { readonly clock: () => Clock };
  readonly #standing: EpochStanding;
  readonly #barrier: Barrier<Passage>;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #reading: Promise<void> | undefined;

  constructor(options: LiveBarrierOptions) {
    this.#options = { clock: systemClock, ...options };
    const { parameters, remembered, log } = options;
    this.#standing = new EpochStanding(log);
    const writer = randomBytes(12).toString('base64url');
    this.#barrier = new Barrier({ writer, parameters, authenticator: HMAC, remembered: remembered?.mark });
    remembered?.onHigher((mark) => this.#barrier.recall(mark));
    options.channel.onAcknowledgements(writer, (message) =>
      this.#do(this.#barrier.heard(message, this.#options.clock())),
    );
  }

  /** Resolves when the epoch document has been looked at, so that everybody knows from the start how it stands. */
  async start(): Promise<void> {
    this.#read();
    await this.#reading;
    this.#tickAfter(IDLE_TICK_MS);
  }

  /** Lets what has committed reach the epoch document, for a second at most: what does not is left to a sweeper. */
  async stop(): Promise<void> {
    const end = performance.now() + STOP_LIMIT_MS;
    while (!this.#barrier.isIdle && performance.now() < end) await sleep(TICK_MS);
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** @throws Error while the database is behind what is remembered of it */
  assertTrusted(): void {
    this.#standing.assertTrusted();
  }

  /**
   * To be asked before a change is made: one that can't be made visible is better not made.
   * @returns the generation that it is made in, for {@link pass}
   * @throws AppError UNAVAILABLE (EPOCH_BEHIND, RESTORE_UNDER_WAY)
   */
  admit(): string | undefined {
    this.#standing.assertChangeable();
    return this.#barrier.generation;
  }

  /**
   * Resolves when no replica and no SDK holder has anything from before these events any more. `onBumped` is told when
   * the events are in the epoch document, which is often later: from then on they cannot be lost any more. Without `madeIn`, what
   * {@link admit} has returned, replicas are told of no delta.
   * @throws AppError UNAVAILABLE (NOT_YET_VISIBLE) when the call's time is over first: the change is made, and not yet
   * acknowledged; a repeat with the same request_id waits again.
   */
  async pass(
    events: readonly ChangeEvent[],
    ctx: Pick<CallContext, 'deadline' | 'signal'>,
    onBumped: () => void = () => undefined,
    madeIn?: string,
  ): Promise<void> {
    const { clock } = this.#options;
    if (this.#barrier.isIdle) this.#tickAfter(TICK_MS);
    await new Promise<void>((resolve, reject) => {
      const settle = (outcome: () => void) => (): void => {
        clearTimeout(timer);
        ctx.signal.removeEventListener('abort', giveUp);
        outcome();
      };
      const passage: Passage = { bumped: onBumped, passed: settle(resolve) };
      const giveUp = settle(() => {
        this.#barrier.abandon(passage);
        reject(notYetVisible());
      });
      const timer = setTimeout(giveUp, Math.max(0, ctx.deadline - Date.now()));
      ctx.signal.addEventListener('abort', giveUp, { once: true });
      this.#do(this.#barrier.submit(passage, events, clock(), madeIn));
    });
  }

  #tickAfter(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#do(this.#barrier.tick(this.#options.clock()));
      this.#tickAfter(this.#barrier.isIdle ? IDLE_TICK_MS : TICK_MS);
    }, ms);
  }

  #do(effects: readonly BarrierEffect<Passage>[]): void {
    for (const effect of effects) {
      if (effect.kind === 'store') this.#ask(effect.ticket, this.#options.store.execute(effect.operation));
      else if (effect.kind === 'list') this.#ask(effect.ticket, this.#options.store.read('linearizable'));
      else if (effect.kind === 'read') this.#read();
      else if (effect.kind === 'broadcast') this.#options.channel.publish(effect.message);
      else if (effect.kind === 'remember') this.#options.remembered?.note(effect.watermark);
      else if (effect.kind === 'bumped') effect.mutation.bumped();
      else if (effect.kind === 'passed') effect.mutation.passed();
    }
  }

  #ask(ticket: number, asked: Promise<EpochDocument | undefined>): void {
    const { clock, log } = this.#options;
    asked.then(
      (document) => this.#do(this.#barrier.answered(ticket, document, clock())),
      (err: unknown) => {
        log.warn({ err }, 'the epoch could not be asked about a change; trying again');
        this.#do(this.#barrier.failed(ticket, clock()));
      },
    );
  }

  #read(): void {
    this.#reading ??= this.#look()
      .catch((err: unknown) => this.#options.log.debug({ err }, 'the epoch could not be read; trying again'))
      .finally(() => {
        this.#reading = undefined;
      });
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#options;
    // Before the read: meanwhile a bump may be answered that the read does not know of.
    const { remembered } = this.#barrier;
    let document = await store.read();
    // An old primary may show less for a moment; that is no reason to call the operator.
    if (standingOf(document, remembered) === 'BEHIND') document = await store.read('linearizable');
    this.#standing.saw(document, remembered);
    if (document) this.#do(this.#barrier.read(document, clock()));
  }
}

function notYetVisible(): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'NOT_YET_VISIBLE',
    message: 'the change is made, but not yet known to be visible everywhere: repeat with the same request_id',
    retryAfterMs: 1_000,
  });
}
