import { type CacheLimits } from '@latchkey/coherence/sans-io';
import { judge, type Judge, questionError, Usage, type Verdict } from '@latchkey/facts';
import { keyV1 } from '@latchkey/proto';
import {
  client,
  connect,
  gaveUp,
  LatchkeyError,
  type Outgoing,
  type PromisedClient,
  type TlsFiles,
  toAppError,
  within,
} from '@latchkey/service';
import { type Decision, fromResponse, fromVerdict, type Question, toRequest } from './answer';
import { LiveHolder } from './live-holder';

/** As pino's, bunyan's and others' loggers are called. */
export interface ClientLog {
  error(about: object, message: string): void;
  info(about: object, message: string): void;
  debug(about: object, message: string): void;
}

export interface LatchkeyOptions {
  /**
   * key's address: `host:port`, or any target that gRPC knows. Where the name stands for several replicas, calls take turns over
   * them; the certificate at the other end must carry the host and the name `key`.
   */
  readonly address: string;
  /** PEM files: trusted authorities, this service's certificate (`spiffe://latchkey/<name>`, a checker of key) and its key. */
  readonly tls: TlsFiles;
  /** How much is remembered at most. Default: 200,000 entities of each kind, 100,000 unknown ids and hashes. */
  readonly memory?: CacheLimits;
  /** For an answer that has to be waited for, ms. Default 2 s. */
  readonly deadlineMs?: number;
  /** Told of leases won and lost, and of what cannot be reached. Default: nobody. */
  readonly log?: ClientLog;
}

export interface AskOptions {
  /** For this answer, ms, in place of the client's. */
  readonly deadlineMs?: number;
  /** Gives the question up. */
  readonly signal?: AbortSignal;
}

/** What became of one question of a batch. */
export type BatchResult =
  { readonly ok: true; readonly decision: Decision } | { readonly ok: false; readonly error: LatchkeyError };

/**
 * Thrown where there is no answer; nothing was allowed then. `code` is the gRPC status, `reason` one word of it, `retryAfterMs` when a
 * repeat makes sense, `violations` what is wrong with the question.
 */
export { LatchkeyError };

const MEMORY: CacheLimits = { entitiesPerKind: 200_000, unknown: 100_000 };
const DEADLINE_MS = 2_000;
const MOST_IN_A_BATCH = 100;
const READY_POLL_MS = 5;
/** How often the use of keys is reported, for their last-used times, ms. */
const USAGE_MS = 30_000;

/** Connects in the background: the first questions may be answered by the server. @throws Error naming a certificate file that cannot be used */
export function connectLatchkey(options: LatchkeyOptions): LatchkeyClient {
  return new LatchkeyClient(options);
}

/** Answers questions about keys: from memory while a replica of key lends the right to, else by asking it. Never a stale yes. */
export class LatchkeyClient {
  /**
   * Asks a replica, whatever is in memory.
   * @internal
   */
  readonly authorization: PromisedClient<typeof keyV1.AuthorizationServiceClient>;
  readonly #connection: ReturnType<typeof connect>;
  readonly #holder: LiveHolder;
  readonly #usage: Usage;
  readonly #deadlineMs: number;
  #judge: { readonly brand: string; readonly judge: Judge } | undefined;

  constructor({ address, tls, memory = MEMORY, deadlineMs = DEADLINE_MS, log }: LatchkeyOptions) {
    this.#deadlineMs = deadlineMs;
    this.#connection = connect({ address, tls, serviceName: 'key', loadBalancing: 'round_robin', log });
    this.authorization = client(keyV1.AuthorizationServiceClient, this.#connection);
    this.#holder = new LiveHolder({
      connection: this.#connection,
      limits: memory,
      onChange: (change) => {
        if (change.what === 'refused') log?.info({ err: change.error }, 'key lends no right to answer; trying again');
        else log?.debug({ change: change.what }, 'the right to answer from memory');
      },
    });
    this.#holder.start();
    this.#usage = new Usage({
      everyMs: USAGE_MS,
      // Refused by a promise: what cannot be reported now is reported later.
      write: async (uses) => await Promise.resolve().then(() => this.#holder.report(uses)),
    });
    this.#usage.start();
  }

  /** Whether questions are answered from memory at this moment. */
  get leased(): boolean {
    return this.#holder.serving;
  }

  /**
   * Decides in this process. Its promises reject with UNAVAILABLE without a lease, where {@link authorize} asks the server.
   * @throws LatchkeyError UNAVAILABLE before the first lease
   * @internal
   */
  get judge(): Judge {
    const { brand } = this.#holder;
    if (brand === '') throw notLeased();
    if (this.#judge?.brand !== brand) {
      const used = (keyId: string, nowMs: number): boolean => this.#usage.note(keyId, nowMs);
      this.#judge = { brand, judge: judge({ memory: this.#holder, brand, used }) };
    }
    return this.#judge.judge;
  }

  /** Resolves when questions are answered from memory. @throws LatchkeyError UNAVAILABLE when that is not so in time */
  async ready(withinMs: number = this.#deadlineMs): Promise<void> {
    const end = performance.now() + withinMs;
    // Looked at rather than listened for: a lease may run out and be renewed before anybody is told.
    while (!this.leased) {
      if (performance.now() >= end) throw notLeased();
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }

  /**
   * May the holder of this key do this, here?
   * @throws LatchkeyError INVALID_ARGUMENT for a malformed question, which is not sent; UNAVAILABLE when neither memory nor a server can
   * answer, with a retry hint; RESOURCE_EXHAUSTED when this service has had too many unknown keys looked up lately, with one, too;
   * DEADLINE_EXCEEDED; CANCELLED by the caller's signal
   */
  authorize(question: Question, options: AskOptions = {}): Promise<Decision> {
    try {
      const found = this.#remembered(question);
      if (found !== undefined && !(found instanceof Promise)) return Promise.resolve(fromVerdict(found));
      return this.#later(found, question, this.#outgoing(options));
    } catch (error) {
      return Promise.reject(toAppError(error));
    }
  }

  /** Many questions at once; answers in their order. A question without an answer says so by itself. */
  async authorizeBatch(questions: readonly Question[], options: AskOptions = {}): Promise<BatchResult[]> {
    const outgoing = this.#outgoing(options);
    const results = await Promise.all(
      questions.map(async (question): Promise<BatchResult | undefined> => {
        try {
          const found = this.#remembered(question);
          return found && { ok: true, decision: fromVerdict(await untilLate(found, outgoing)) };
        } catch (error) {
          if (isUnavailable(error)) return undefined;
          return { ok: false, error: toAppError(error) };
        }
      }),
    );
    const open = questions.flatMap((question, index) => (results[index] ? [] : [{ question, index }]));
    for (let from = 0; from < open.length; from += MOST_IN_A_BATCH) {
      const part = open.slice(from, from + MOST_IN_A_BATCH);
      const answers = await this.#askBatch(
        part.map(({ question }) => question),
        outgoing,
      );
      part.forEach(({ index }, place) => (results[index] = answers[place]));
    }
    return results.map((result) => result ?? { ok: false, error: unanswered() });
  }

  /** Gives the lease back, so that no mutation has to wait for this process, and closes the channel. */
  async close(): Promise<void> {
    await this.#usage.stop();
    await this.#holder.close();
    this.#connection.close();
  }

  /**
   * Undefined: there is no memory yet to ask.
   * @throws LatchkeyError INVALID_ARGUMENT for a malformed question: sent in a message with others, it would have them refused as well
   */
  #remembered(question: Question): Verdict | Promise<Verdict> | undefined {
    const asked = toRequest(question);
    const error = questionError(asked);
    if (error) throw malformed(error);
    return this.#holder.brand === '' ? undefined : this.judge.judgeKey(asked.key, asked);
  }

  /** What waits for a fact, and then for a server if there must be one: together no longer than the answer is of use. */
  async #later(found: Promise<Verdict> | undefined, question: Question, outgoing: Outgoing): Promise<Decision> {
    try {
      if (found) return fromVerdict(await untilLate(found, outgoing));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
    }
    return fromResponse(await this.authorization.authorize(toRequest(question), outgoing));
  }

  async #askBatch(questions: readonly Question[], outgoing: Outgoing): Promise<BatchResult[]> {
    try {
      const checks = questions.map(toRequest);
      const { results } = await this.authorization.batchAuthorize({ checks }, outgoing);
      return questions.map((_question, place) => resultOf(results[place]));
    } catch (error) {
      return questions.map(() => ({ ok: false, error: toAppError(error) }));
    }
  }

  #outgoing({ deadlineMs = this.#deadlineMs, signal }: AskOptions): Outgoing {
    return within(deadlineMs, { signal });
  }
}

/** @throws LatchkeyError DEADLINE_EXCEEDED or CANCELLED, after which nobody waits for what was found */
async function untilLate(found: Verdict | Promise<Verdict>, { deadline, signal }: Outgoing): Promise<Verdict> {
  if (!(found instanceof Promise)) return found;
  let end: () => void = () => undefined;
  const abandoned = new Promise<never>((_resolve, reject) => {
    const giveUp = (): void => reject(gaveUp(signal));
    if (signal?.aborted) giveUp();
    const timer = setTimeout(giveUp, Math.max(0, deadline - Date.now()));
    signal?.addEventListener('abort', giveUp, { once: true });
    end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    };
  });
  try {
    return await Promise.race([found, abandoned]);
  } finally {
    end();
  }
}

function resultOf(result: keyV1.BatchAuthorizeResult | undefined): BatchResult {
  const outcome = result?.outcome;
  if (outcome?.$case === 'response') return { ok: true, decision: fromResponse(outcome.value) };
  if (outcome === undefined) return { ok: false, error: unanswered() };
  return { ok: false, error: malformed(outcome.value) };
}

function malformed({ reason, message, violations }: keyV1.CheckError): LatchkeyError {
  return new LatchkeyError({ code: 'INVALID_ARGUMENT', reason, message, violations });
}

export const isUnavailable = (error: unknown): boolean =>
  error instanceof LatchkeyError && error.code === 'UNAVAILABLE';

function unanswered(): LatchkeyError {
  return new LatchkeyError({ code: 'INTERNAL', reason: 'UNANSWERED', message: 'key gave no answer to this question' });
}

function notLeased(): LatchkeyError {
  return new LatchkeyError({
    code: 'UNAVAILABLE',
    reason: 'NO_LEASE',
    message: 'no replica of key lends the right to answer from memory yet',
    retryAfterMs: 200,
  });
}
