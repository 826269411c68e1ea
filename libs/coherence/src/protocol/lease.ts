import { type Ablations } from './ablations';
import { type Parameters, suspendTolerance } from './parameters';
import { type Clock } from './types';

/** The right to answer from memory: a duration counted from the moment a request for it was sent. */
export class Lease {
  readonly #tolerance: number;
  readonly #ablations: Ablations;
  #sent: Clock | undefined;
  #until = -Infinity;

  constructor(parameters: Parameters, ablations: Ablations) {
    this.#tolerance = suspendTolerance(parameters);
    this.#ablations = ablations;
  }

  /** Milliseconds left; 0 when there is no lease. Voids it when the machine turns out to have been suspended. */
  remaining(clock: Clock): number {
    if (!this.#sent) return 0;
    if (this.#suspendedSince(this.#sent, clock)) {
      this.void();
      return 0;
    }
    return Math.max(0, this.#until - clock.mono);
  }

  /** Extends, never shortens: answers may overtake each other. */
  grant(sent: Clock, durationMs: number): void {
    if (sent.mono + durationMs <= this.#until) return;
    this.#sent = sent;
    this.#until = sent.mono + durationMs;
  }

  void(): void {
    this.#sent = undefined;
    this.#until = -Infinity;
  }

  /** The monotonic clock may have stood still while true time, and the writers' waiting, went on. */
  #suspendedSince(sent: Clock, clock: Clock): boolean {
    if (this.#ablations.noSuspendGuard) return false;
    return clock.wall - sent.wall - (clock.mono - sent.mono) > this.#tolerance;
  }
}
