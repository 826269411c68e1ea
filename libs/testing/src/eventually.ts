import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** How long to keep trying, in milliseconds. */
  timeoutMs?: number;
  /** Pause between two attempts, in milliseconds. */
  intervalMs?: number;
}

/**
 * Repeats `attempt` until it returns without throwing, and answers what it returned.
 * When the time is up, throws the error of the last attempt, so that a failing test shows the assertion and not "timed out".
 */
export async function eventually<T>(attempt: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { timeoutMs = 10_000, intervalMs = 50 } = options;
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() + intervalMs > end) throw error;
    }
    await sleep(intervalMs);
  }
}
