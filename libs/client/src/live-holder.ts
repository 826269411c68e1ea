import { randomBytes } from 'node:crypto';
import {
  type CacheLimits,
  checking,
  type Clock,
  type Deciding,
  DEFAULTS,
  ENTITY_KINDS,
  type Evaluate,
  Holder,
  type HolderEffects,
  type Parameters,
  type Subject,
  systemClock,
} from '@latchkey/coherence/sans-io';
import { heardBelow, type KeyUse, type Memory, minuteOf, SharedIds, upMessage, type Value } from '@latchkey/facts';
import { keyV1 } from '@latchkey/proto';
import { type Connection, type LatchkeyError, type OpenStream } from '@latchkey/service';

export interface LiveHolderOptions {
  readonly connection: Pick<Connection, 'open'>;
  readonly limits: CacheLimits;
  /** Told when the right to answer from memory comes and goes, and of streams that were refused. */
  readonly onChange?: (change: HolderChange) => void;
  readonly clock?: () => Clock;
}

export type HolderChange =
  | { readonly what: 'leased' | 'lost' }
  /** Another attempt follows. */
  | { readonly what: 'refused'; readonly error: LatchkeyError };

/** Whoever waits for a fact, for so long. */
interface Waiter {
  readonly untilMono: number;
  /** Undefined: it waits no more. */
  resume: ((outcome: 'stored' | 'failed') => void) | undefined;
}

/** Keys in one report. */
const MOST_USES = 500;
const TICK_MS = 25;
/** Between two attempts to open a stream, ms: doubled from the first to the second number. */
const RECONNECT_MS = [100, 5_000] as const;
/** For a fact to come, ms. Then a server may be asked instead. */
const FETCH_MS = 1_000;
/** A replica answers every renewal, a few times a second: one that has said nothing for so long, ms, is gone. */
const SILENCE_MS = 3_000;
/** For a release to leave before its stream is ended, ms. */
const RELEASE_MS = 50;

/** The memory of a process with the SDK: what one replica at a time lends it, by the rules of grants.proto. */
export class LiveHolder implements Memory {
  readonly #options: LiveHolderOptions;
  readonly #clock: () => Clock;
  readonly #process = randomBytes(12).toString('hex');
  readonly #ids = new SharedIds();
  #holder: Holder<Waiter, Value>;
  #parameters: Parameters = DEFAULTS;
  #deciding: Deciding<Value>;
  #brand = '';
  #stream: OpenStream<keyV1.WatchGrantsRequest> | undefined;
  #waiting = new Set<Waiter>();
  #heardMono = -Infinity;
  #attempts = 0;
  #leased = false;
  #closed = false;
  #ticking: NodeJS.Timeout | undefined;
  #reopening: NodeJS.Timeout | undefined;

  constructor(options: LiveHolderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#holder = this.#newHolder(DEFAULTS);
    this.#deciding = this.#decidingBy(this.#holder, DEFAULTS);
  }

  /** Opens the first stream, and further ones for ever. */
  start(): void {
    // Neither timer keeps a process alive that has nothing else to do.
    this.#ticking = setInterval(() => this.#tick(), TICK_MS).unref();
    this.#open();
  }

  /** The first part of every secret here; '' before the first stream. */
  get brand(): string {
    return this.#brand;
  }

  /** Whether it may answer at this moment. */
  get serving(): boolean {
    return this.#holder.mayServe(this.#clock());
  }

  now(clock: Clock): number {
    // Inside a sub-lease there is one: it came with it.
    return this.#holder.databaseTime(clock) ?? NaN;
  }

  remembersHash(hash: string): boolean {
    return Boolean(this.#holder.cache.byHash(hash));
  }

  /** @throws LatchkeyError UNAVAILABLE, without a sub-lease or when facts cannot be read; always by a promise */
  check<A>(evaluate: Evaluate<Value, A>): A | Promise<A> {
    return checking(this.#deciding, evaluate);
  }

  /** Tells the replica of keys that were used. @throws Error without a stream */
  report(uses: readonly KeyUse[]): void {
    const stream = this.#stream;
    if (!stream || this.#brand === '') throw new Error('there is no stream to report on');
    for (let from = 0; from < uses.length; from += MOST_USES) {
      const keys = uses.slice(from, from + MOST_USES).map(([keyId, time]) => ({
        keyId,
        minute: BigInt(minuteOf(time.getTime())),
      }));
      stream.send({ message: { $case: 'used', value: { keys } } });
    }
  }

  /** Gives the sub-lease back, so that no mutation waits for it, and ends. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticking);
    clearTimeout(this.#reopening);
    this.#do(this.#holder.release());
    this.#noticeLease();
    const stream = this.#stream;
    this.#stream = undefined;
    if (!stream) return;
    stream.end();
    await new Promise((resolve) => setTimeout(resolve, RELEASE_MS));
    stream.cancel();
  }

  #tick(): void {
    const now = this.#clock();
    this.#do(this.#holder.tick(now));
    this.#noticeLease();
    for (const waiter of this.#waiting) if (waiter.untilMono <= now.mono) this.#resume(waiter, 'failed');
    if (this.#stream && now.mono - this.#heardMono > SILENCE_MS) {
      const stream = this.#stream;
      this.#lose(stream);
      stream.cancel();
    }
  }

  #open(): void {
    if (this.#closed) return;
    let told = false;
    const stream = this.#options.connection.open(keyV1.AuthorizationServiceService.watchGrants, {
      received: (response) => {
        if (this.#stream !== stream) return;
        this.#heardMono = this.#clock().mono;
        if (response.message?.$case === 'terms') {
          told = true;
          return this.#begin(response.message.value);
        }
        // Before it has said what holds here, nothing that it says can be understood.
        if (!told) return;
        for (const message of heardBelow(response, this.#ids)) {
          this.#do(this.#holder.received(message, this.#clock()));
          if (message.type === 'leaving') this.#leave(stream);
        }
        this.#noticeLease();
      },
      closed: (error) => this.#ended(stream, error),
    });
    this.#stream = stream;
    this.#heardMono = this.#clock().mono;
    const hello = { process: this.#process, kinds: [...ENTITY_KINDS] };
    stream.send({ message: { $case: 'hello', value: hello } });
  }

  #begin({ leaseMs, pollMs, brand }: keyV1.GrantTerms): void {
    this.#attempts = 0;
    this.#brand = brand;
    const parameters = { ...DEFAULTS, leaseMs: Number(leaseMs), pollMs: Number(pollMs) };
    if (parameters.leaseMs !== this.#parameters.leaseMs || parameters.pollMs !== this.#parameters.pollMs) {
      this.#do(this.#holder.closed());
      this.#parameters = parameters;
      this.#holder = this.#newHolder(parameters);
      this.#deciding = this.#decidingBy(this.#holder, parameters);
    }
    this.#do(this.#holder.opened(this.#clock()));
  }

  /** The replica wants its sub-lease back, which has been given: look for another one. */
  #leave(stream: OpenStream<keyV1.WatchGrantsRequest>): void {
    if (this.#stream !== stream) return;
    stream.end();
    this.#lose(stream);
  }

  #ended(stream: OpenStream<keyV1.WatchGrantsRequest>, error: LatchkeyError | undefined): void {
    if (this.#stream !== stream) return;
    if (error) this.#options.onChange?.({ what: 'refused', error });
    this.#lose(stream);
  }

  #lose(stream: OpenStream<keyV1.WatchGrantsRequest>): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#do(this.#holder.closed());
    const [first, longest] = RECONNECT_MS;
    const wait = Math.min(longest, first * 2 ** this.#attempts++) * (0.5 + Math.random() / 2);
    this.#reopening = setTimeout(() => this.#open(), wait).unref();
  }

  #wait(subject: Subject, resume: Waiter['resume']): void {
    const waiter: Waiter = { untilMono: this.#clock().mono + FETCH_MS, resume };
    const effects = this.#holder.fetch(subject, waiter);
    if (!effects) return this.#resume(waiter, 'failed');
    this.#waiting.add(waiter);
    this.#do(effects);
  }

  #resume(waiter: Waiter, outcome: 'stored' | 'failed'): void {
    const { resume } = waiter;
    waiter.resume = undefined;
    this.#waiting.delete(waiter);
    resume?.(outcome);
  }

  #do({ send, resumed, failed }: HolderEffects<Waiter>): void {
    for (const message of send) this.#stream?.send(upMessage(message));
    for (const waiter of failed) this.#resume(waiter, 'failed');
    // What has come, came in order with the events: nothing was dropped, and everything is looked up anew.
    for (const waiter of resumed) this.#resume(waiter, 'stored');
  }

  #noticeLease(): void {
    const leased = !this.#closed && this.serving;
    if (leased === this.#leased) return;
    this.#leased = leased;
    this.#options.onChange?.({ what: leased ? 'leased' : 'lost' });
  }

  #newHolder(parameters: Parameters): Holder<Waiter, Value> {
    return new Holder({ parameters, kinds: ENTITY_KINDS, limits: this.#options.limits });
  }

  #decidingBy(holder: Holder<Waiter, Value>, { maxRestarts }: Parameters): Deciding<Value> {
    return {
      gate: holder,
      view: holder.cache,
      clock: this.#clock,
      maxRestarts,
      wait: (subject, resume) => this.#wait(subject, (outcome) => resume(outcome, undefined)),
    };
  }
}
