import { AppError, toAppError } from '@latchkey/service';
import {
  Check,
  type Clock,
  type Evaluate,
  type FillEnd,
  type Gate,
  type Step,
  type Subject,
  type View,
} from '../protocol';

/** A memory that decides, and where it gets what is missing. */
export interface Deciding<V> {
  readonly gate: Gate;
  readonly view: View<V>;
  readonly clock: () => Clock;
  readonly maxRestarts: number;
  /** Gets a fact into memory, and then resumes whoever waits for it; or refuses to, to this asker. */
  readonly wait: (subject: Subject, resume: Resume<V>, asker: Asker) => void;
}

/** Who has a fact read. */
export interface Asker {
  /** The service on whose account it is. */
  readonly caller: string;
  refuse(error: AppError): void;
}

export type Resume<V> = (outcome: FillEnd<never, V>['outcome'], result: FillEnd<never, V>['result']) => void;

/**
 * Decides from memory, and waits for what is missing. With everything in memory the answer is there at once, without an await.
 * @param caller on whose account facts are read
 * @throws AppError UNAVAILABLE with a retry hint, without a lease or when facts cannot be read; always by a promise
 */
export function checking<V, A>(memory: Deciding<V>, evaluate: Evaluate<V, A>, caller = ''): A | Promise<A> {
  const { gate, view, maxRestarts } = memory;
  const now = memory.clock();
  // The hot path, without anything that only a check that waits needs.
  const attempt = gate.mayServe(now) ? evaluate(view, now) : undefined;
  if (attempt && 'answer' in attempt) return attempt.answer;
  const check = new Check(evaluate, gate, view, { maxRestarts });
  return new Promise<A>((resolve, reject) => {
    const advance = (step: Step<A>): void => {
      if (step.kind === 'answer') return resolve(step.answer);
      if (step.kind === 'unavailable') return reject(unavailable(step.reason));
      const resume: Resume<V> = (outcome, result) => {
        try {
          advance(check.resume(outcome, result, memory.clock()));
        } catch (cause) {
          reject(toAppError(cause));
        }
      };
      memory.wait(step.subject, resume, { caller, refuse: reject });
    };
    advance(check.step(now));
  });
}

const REASONS = {
  NO_LEASE: 'there is no lease here: nobody can know what has been revoked',
  FACTS_UNREADABLE: 'the facts for this decision cannot be read',
  DISTURBED: 'the facts for this decision are changing too quickly',
} as const;

function unavailable(reason: keyof typeof REASONS): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, message: REASONS[reason], retryAfterMs: 200 });
}
