import { randomBytes } from 'node:crypto';
import { AppError, type Logger } from '@latchkey/service';
import {
  type CacheLimits,
  Check,
  type Clock,
  type Evaluate,
  type FillEnd,
  type FillResult,
  type Parameters,
  Pruner,
  Replica,
  type ReplicaEffect,
  type Step,
  type Subject,
} from '../protocol';
import { systemClock } from './clock';
import { type EpochChannel, HMAC } from './epoch-channel';
import { type EpochStore } from './epoch-store';

export interface LiveReplicaOptions<V> {
  readonly store: EpochStore;
  readonly channel: EpochChannel;
  readonly parameters: Parameters;
  /** Kinds of entities that are cached; see EntityCache. */
  readonly kinds: readonly string[];
  readonly limits: CacheLimits;
  /** Reads the facts about a subject, linearizably, from whoever owns them. */
  readonly load: (subject: Subject) => Promise<FillResult<V>>;
  readonly log: Logger;
  readonly clock?: () => Clock;
}

/** One check that waits for a fill. */
interface Waiter<V> {
  resume(end: FillEnd<Waiter<V>, V>, clock: Clock): void;
}

const TICK_MS = 25;
/** For the first lease to come, and for a leaving replica to be let go, ms. */
const LEAVE_LIMIT_MS = 10_000;

/** A replica of the protocol, in this process: answers from memory, inside its lease. */
export class LiveReplica<V> {
  readonly #options: Required<LiveReplicaOptions<V>>;
  readonly #replica: Replica<Waiter<V>, V>;
  readonly #pruner: Pruner;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LiveReplicaOptions<V>) {
    this.#options = { clock: systemClock, ...options };
    const { parameters, kinds, limits, channel } = options;
    const identify = (): string => randomBytes(12).toString('hex');
    this.#replica = new Replica({ parameters, kinds, limits, authenticator: HMAC, identify });
    this.#pruner = new Pruner(parameters);
    channel.subscribe((message) => this.#do(this.#replica.heard(message, this.#options.clock())));
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
   * @throws AppError UNAVAILABLE with a retry hint, without a lease or when facts cannot be read
   */
  check<A>(evaluate: Evaluate<V, A>): A | Promise<A> {
    const { clock, parameters } = this.#options;
    const { cache } = this.#replica;
    const now = clock();
    // The hot path, without anything that only a check that waits needs.
    const attempt = this.#replica.mayServe(now) ? evaluate(cache, now) : undefined;
    if (attempt && 'answer' in attempt) return attempt.answer;
    const check = new Check(evaluate, this.#replica, cache, { maxRestarts: parameters.maxRestarts });
    const step = check.step(now);
    if (step.kind === 'answer') return step.answer;
    return new Promise<A>((resolve, reject) => this.#advance(check, step, resolve, reject));
  }

  #advance<A>(
    check: Check<V, A>,
    step: Step<A>,
    resolve: (answer: A) => void,
    reject: (error: AppError) => void,
  ): void {
    if (step.kind === 'answer') resolve(step.answer);
    else if (step.kind === 'unavailable') reject(unavailable(step.reason));
    else {
      this.#await(step.subject, {
        resume: ({ outcome, result }, clock) => {
          let next: Step<A>;
          try {
            next = check.resume(outcome, result, clock);
          } catch (error) {
            return reject(toUnavailable(error));
          }
          this.#advance(check, next, resolve, reject);
        },
      });
    }
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
    for (const waiter of end.waiters) waiter.resume(end, this.#options.clock());
  }

  #do(effects: readonly ReplicaEffect<V>[]): void {
    for (const effect of effects) {
      if (effect.kind === 'broadcast') this.#options.channel.publish(effect.message);
      else if (effect.kind === 'store') this.#execute(effect);
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

const REASONS = {
  NO_LEASE: 'this replica has no lease: it cannot know what has been revoked',
  FACTS_UNREADABLE: 'the facts for this decision cannot be read',
  DISTURBED: 'the facts for this decision are changing too quickly',
} as const;

function unavailable(reason: keyof typeof REASONS): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, message: REASONS[reason], retryAfterMs: 200 });
}

function toUnavailable(cause: unknown): AppError {
  return cause instanceof AppError
    ? cause
    : new AppError({ code: 'INTERNAL', reason: 'INTERNAL', message: 'internal error', cause });
}
