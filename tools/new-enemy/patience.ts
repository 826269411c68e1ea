import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LatchkeyError } from '@latchkey/client';
import { CallError } from '@latchkey/testing';

/** Long enough for a process to be killed and started again on a busy machine, ms. */
const LIMIT_MS = 60_000;
const PAUSE_MS = 20;

const TRANSIENT: ReadonlySet<string> = new Set([
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'CANCELLED',
  'RESOURCE_EXHAUSTED',
]);

/** Whether the error says nothing about the state: a fault, not a refusal. */
export function isTransient(error: unknown): boolean {
  return (error instanceof CallError || error instanceof LatchkeyError) && TRANSIENT.has(error.code);
}

/** Does all of it anew when a fault has come in between. */
export async function untilDone<A>(attempt: () => Promise<A>): Promise<A> {
  const end = performance.now() + LIMIT_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error) || performance.now() > end) throw error;
    }
    await sleep(PAUSE_MS);
  }
}

/**
 * Makes one change, and repeats it under the same request_id until it is answered. `settled`: refusals that mean that an
 * attempt before has done it.
 * @returns what the last attempt was answered, undefined if with such a refusal, and how many attempts it took
 */
export async function untilAnswered<A>(
  call: (requestId: string) => Promise<A>,
  settled: readonly string[] = ['NOT_FOUND', 'ALREADY_EXISTS'],
): Promise<{ answer: A | undefined; attempts: number }> {
  const requestId = randomBytes(12).toString('hex');
  const end = performance.now() + LIMIT_MS;
  for (let attempts = 1; ; attempts++) {
    try {
      return { answer: await call(requestId), attempts };
    } catch (error) {
      if (attempts > 1 && error instanceof CallError && settled.includes(error.code)) {
        return { answer: undefined, attempts };
      }
      if (!isTransient(error) || performance.now() > end) throw error;
    }
    await sleep(PAUSE_MS);
  }
}
