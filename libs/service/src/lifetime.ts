import type { ServerUnaryCall } from '@grpc/grpc-js';
import { AppError } from './errors';

type Call = Pick<ServerUnaryCall<unknown, unknown>, 'getDeadline' | 'on' | 'cancelled'>;

/** How long a call's answer is of use to anybody. */
export class Lifetime {
  /** Epoch ms: the client's deadline or the server's limit, the sooner. */
  readonly deadline: number;
  readonly #call: Call;
  readonly #clientDeadline: number;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(call: Call, limitMs: number) {
    this.#call = call;
    this.#clientDeadline = Number(call.getDeadline());
    this.deadline = Math.min(this.#clientDeadline, Date.now() + limitMs);
    if (call.cancelled) this.#cancel();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * From now on the signal follows deadline and client. Rejects with its reason when it aborts, and never resolves. Only
   * for calls that wait for something: what is answered in one turn outlives nothing, and timers and listeners are dear.
   */
  watch(): Promise<never> {
    const { signal } = this;
    this.#timer = setTimeout(() => this.#controller.abort(deadlineExceeded()), Math.max(0, this.deadline - Date.now()));
    this.#call.on('cancelled', () => {
      // grpc-js says it after every call, also when it has been answered.
      if (!this.#ended) this.#cancel();
    });
    const over = new Promise<never>((_resolve, reject) => {
      const abort = () => reject(signal.reason as AppError);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
    // A call may end well before its deadline and be cancelled after; then nobody listens any more, and need not.
    over.catch(() => undefined);
    return over;
  }

  /** Frees the timer; the signal stays as it is. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  #cancel(): void {
    // grpc-js answers at the client's deadline by itself and then says "cancelled"; the cause is the deadline even so.
    this.#controller.abort(Date.now() >= this.#clientDeadline ? deadlineExceeded() : cancelled());
  }
}

export function deadlineExceeded(): AppError {
  return new AppError({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED', message: 'the deadline has passed' });
}

export function cancelled(): AppError {
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'the caller cancelled the call' });
}
