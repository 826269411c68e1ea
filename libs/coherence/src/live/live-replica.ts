import { randomBytes } from 'node:crypto';
import { type AppError, type Logger } from '@latchkey/service';
import {
  type CacheLimits,
  type Clock,
  type DownMessage,
  type Evaluate,
  type FillEnd,
  type FillResult,
  type Parameters,
  Pruner,
  type Renew,
  Replica,
  type ReplicaEffect,
  type Subject,
  type UpMessage,
} from '../protocol';
import { checking, type Deciding } from './checking';
import { systemClock } from './clock';
import { type EpochChannel, HMAC } from './epoch-channel';
import { type EpochStore } from './epoch-store';
import { type Remembered } from './remembered';

export interface LiveReplicaOptions<V> {
  readonly store: EpochStore;
  readonly channel: EpochChannel;
  readonly parameters: Parameters;
  /** Kinds of entities that are cached; see EntityCache. */
  readonly kinds: readonly string[];
  readonly limits: CacheLimits;
  /** Reads the facts about a subject, linearizably, from whoever owns them. */
  readonly load: (subject: Subject) => Promise<FillResult<V>>;
  /** What a change makes of an entity that is held, so that it need not be read anew. Default: it is. */
  readonly renew?: Renew<V>;
  /** Asked before each read that a check or an SDK holder causes, on whose account it is; may refuse it. Default: no limit. */
  readonly admit?: (caller: string, subject: Subject) => AppError | undefined;
  readonly log: Logger;
  readonly clock?: () => Clock;
  /** What earlier lives and other processes have seen of the epoch. */
  readonly remembered?: Remembered;
}

/** Whoever waits for a fill: a check, or an SDK holder that asked for the entry. */
type Waiter<V> = (end: FillEnd<unknown, V>) => void;

/** The stream to one SDK holder, as the replica uses it. */
export interface HolderStream<V> {
  send(message: DownMessage<V>): void;
  end(): void;
}

/** What the replica is told of one SDK holder. */
export interface HolderEnd {
  said(message: UpMessage): void;
  /** Its stream is gone. */
  closed(): void;
}

/** Fetches of one holder at once; what it asks for beyond is unreadable at the moment. */
const MOST_FETCHES = 1_000;

const TICK_MS = 25;
/** For the first lease to come, and for a leaving replica to be let go, ms. */
const LEAVE_LIMIT_MS = 10_000;

/** A replica of the protocol, in this process: answers from memory, inside its lease. */
export class LiveReplica<V> {
  readonly #options: Required<Omit<LiveReplicaOptions<V>, 'remembered' | 'renew'>> &
    Pick<LiveReplicaOptions<V>, 'remembered'>;
  readonly #replica: Replica<Waiter<V>, V>;
  readonly #pruner: Pruner;
  readonly #deciding: Deciding<V>;
  readonly #streams = new Map<string, HolderStream<V>>();
  #opened = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LiveReplicaOptions<V>) {
    this.#options = { clock: systemClock, admit: () => undefined, ...options };
    const { parameters, kinds, limits, renew, channel, remembered } = options;
    const identify = (): string => randomBytes(12).toString('hex');
    const { mark } = remembered ?? {};
    this.#replica = new Replica({ parameters, kinds, limits, renew, authenticator: HMAC, identify, remembered: mark });
    remembered?.onHigher((higher) => this.#replica.recall(higher));
    this.#pruner = new Pruner(parameters);
    this.#deciding = {
      gate: this.#replica,
      view: this.#replica.cache,
      clock: this.#options.clock,
      maxRestarts: parameters.maxRestarts,
      wait: (subject, resume, { caller, refuse }) => {
        const limited = this.#limited(caller, subject);
        if (limited) refuse(limited);
        else this.#await(subject, ({ outcome, result }) => resume(outcome, result));
      },
    };
    channel.onEvents((message) => this.#do(this.#replica.heard(message, this.#options.clock())));
  }

  start(): void {
    const { clock } = this.#options;
    const tick = (): void => {
      const now = clock();
      this.#do(this.#replica.tick(now));
      for (const end of this.#replica.fills.expire(now)) this.#ended(end);
    };
    this.#timer ??= setInterval(tick, TICK_MS);
    tick();
  }

  /** Whether it may answer at this moment. */
  get serving(): boolean {
    return this.#replica.mayServe(this.#options.clock());
  }

  /** Database time, ms, for all that expires; undefined before the first lease. */
  now(clock: Clock): number | undefined {
    return this.#replica.databaseTime(clock);
  }

  /** Whether it has the entity in memory, with or without a lease. */
  remembers(kind: string, id: string): boolean {
    return Boolean(this.#replica.cache.byId(kind, id));
  }

  /** The same, of what is found under a hash. */
  remembersHash(hash: string): boolean {
    return Boolean(this.#replica.cache.byHash(hash));
  }

  /** Refuses from now on, and resolves when nobody waits for this replica any more. */
  async leave(): Promise<void> {
    this.#do(this.#replica.leave());
    const end = performance.now() + LEAVE_LIMIT_MS;
    while (this.#replica.state !== 'LEFT' && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    clearInterval(this.#timer);
  }

  /**
   * Decides from memory, and fills what is missing. With everything in memory the answer is there at once, without an await.
   * @param caller on whose account facts are read
   * @throws AppError UNAVAILABLE with a retry hint, without a lease or when facts cannot be read; what `admit` refuses with
   */
  check<A>(evaluate: Evaluate<V, A>, caller?: string): A | Promise<A> {
    return checking(this.#deciding, evaluate, caller);
  }

  /**
   * A new SDK holder on a stream of its own; `client` names the process behind it, also over its next stream. A fact that may not be
   * read on account of `caller` is unreadable to it.
   */
  openHolder(client: string, caller: string, stream: HolderStream<V>): HolderEnd {
    const id = String(++this.#opened);
    const { clock } = this.#options;
    let fetches = 0;
    const serve = (subject: Subject, attempt: number): void => {
      const entry = this.#replica.sendEntry(id, subject, clock());
      if (entry) {
        fetches -= 1;
        return this.#do(entry);
      }
      const refuse = (): void => {
        fetches -= 1;
        this.#do(this.#replica.refuseEntry(id, subject));
      };
      if (this.#limited(caller, subject)) return refuse();
      this.#await(subject, ({ outcome }) => {
        if (outcome !== 'failed' && attempt < this.#options.parameters.maxRestarts) return serve(subject, attempt + 1);
        refuse();
      });
    };
    this.#streams.set(id, stream);
    this.#replica.holderOpened(id, client);
    return {
      said: (message) => {
        if (message.type !== 'fetch') return this.#do(this.#replica.holderSaid(id, message, clock()));
        if (fetches >= MOST_FETCHES) return this.#do(this.#replica.refuseEntry(id, message.subject));
        fetches += 1;
        serve(message.subject, 0);
      },
      closed: () => {
        this.#streams.delete(id);
        this.#replica.holderClosed(id);
      },
    };
  }

  /** Why the caller may not have this read; whoever joins a read that is under way causes none. */
  #limited(caller: string, subject: Subject): AppError | undefined {
    return this.#replica.fills.isUnderWay(subject) ? undefined : this.#options.admit(caller, subject);
  }

  #await(subject: Subject, waiter: Waiter<V>): void {
    const { clock, load, log } = this.#options;
    const { fills } = this.#replica;
    const { ticket } = fills.await(subject, waiter, clock());
    if (ticket === undefined) return;
    load(subject).then(
      (result) => this.#ended(fills.end(ticket, result, clock())),
      (err: unknown) => {
        log.warn({ err }, 'facts could not be read');
        this.#ended(fills.end(ticket, undefined, clock()));
      },
    );
  }

  #ended(end: FillEnd<Waiter<V>, V>): void {
    for (const resume of end.waiters) resume(end);
  }

  #do(effects: readonly ReplicaEffect<V>[]): void {
    for (const effect of effects) {
      if (effect.kind === 'broadcast') this.#options.channel.publish(effect.message);
      else if (effect.kind === 'remember') this.#options.remembered?.note(effect.watermark);
      else if (effect.kind === 'store') this.#execute(effect);
      else if (effect.kind === 'send') this.#streams.get(effect.stream)?.send(effect.message);
      else if (effect.kind === 'end') this.#streams.get(effect.stream)?.end();
    }
  }

  #execute({ ticket, operation }: Extract<ReplicaEffect<V>, { kind: 'store' }>): void {
    const { store, clock, log } = this.#options;
    store.execute(operation).then(
      (document) => {
        this.#do(this.#replica.answered(ticket, document, clock()));
        if (document === undefined || operation.op !== 'poll') return;
        for (const prune of this.#pruner.saw(document, clock())) {
          log.info({ prune }, 'a replica that is gone is taken off the list');
          store.execute(prune).catch((err: unknown) => log.debug({ err }, 'it could not be taken off; trying again'));
        }
      },
      (err: unknown) => {
        log.debug({ err, op: operation.op }, 'the epoch could not be written; trying again');
        this.#replica.failed(ticket);
      },
    );
  }
}
