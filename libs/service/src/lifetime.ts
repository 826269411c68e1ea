import type { ServerUnaryCall } from '@grpc/grpc-js';
import { AppError } from './errors';

/** How long a call's answer is of use to anybody. */
export interface Lifetime {
  /** Epoch ms: the client's deadline or the server's limit, the sooner. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Rejects with the signal's reason when it aborts; never resolves. */
  readonly over: Promise<never>;
  /** Frees the timer; the signal stays as it is. */
  end(): void;
}

type Call = Pick<ServerUnaryCall<unknown, unknown>, 'getDeadline' | 'on' | 'cancelled'>;

export function lifetimeOf(call: Call, limitMs: number): Lifetime {
  const controller = new AbortController();
  const over = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason as AppError), { once: true });
  });
  // A call may end well before its deadline and be cancelled after; then nobody listens any more, and need not.
  over.catch(() => undefined);

  const clientDeadline = Number(call.getDeadline());
  const now = Date.now();
  const deadline = Math.min(clientDeadline, now + limitMs);
  const timer = setTimeout(() => controller.abort(deadlineExceeded()), Math.max(0, deadline - now));
  const cancel = () =>
    // grpc-js answers at the client's deadline by itself and then says "cancelled"; the cause is the deadline even so.
    controller.abort(Date.now() >= clientDeadline ? deadlineExceeded() : cancelled());
  let ended = false;
  call.on('cancelled', () => {
    // grpc-js says it after every call, also when it has been answered.
    if (!ended) cancel();
  });
  if (call.cancelled) cancel();
  return {
    deadline,
    signal: controller.signal,
    over,
    end: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}

export function deadlineExceeded(): AppError {
  return new AppError({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED', message: 'the deadline has passed' });
}

export function cancelled(): AppError {
  return new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'the caller cancelled the call' });
}
