import { type Clock } from './types';

/**
 * Database time as this process knows it: the time a request was executed plus the monotonic time since it was *sent*. It is
 * early at most by the clocks' drift since then, late at most by the way of the request, and never goes backwards.
 */
export class DatabaseTime {
  #at: number | undefined;
  #sentMono = 0;
  #latest = -Infinity;

  observe(executedAt: number, sent: Clock): void {
    if (this.#at !== undefined && sent.mono < this.#sentMono) return;
    this.#at = executedAt;
    this.#sentMono = sent.mono;
  }

  /** Milliseconds; undefined before the first answer. */
  now(clock: Clock): number | undefined {
    if (this.#at === undefined) return undefined;
    this.#latest = Math.max(this.#latest, this.#at + (clock.mono - this.#sentMono));
    return this.#latest;
  }
}
