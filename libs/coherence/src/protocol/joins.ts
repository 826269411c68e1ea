import { type EpochOperation } from './epoch-operations';
import { keepNewest } from './keep-newest';
import { type Parameters, patience } from './parameters';
import { type Clock, type EpochDocument, type Watermark } from './types';

/** A join whose answer is waited for. */
export interface Joining {
  readonly ticket: number;
  readonly id: string;
  readonly sent: Clock;
}

export interface StoreRequest {
  readonly ticket: number;
  readonly operation: EpochOperation;
}

/** Abandoned joins that are remembered; what older ones have left is for the pruners. */
const MOST_ABANDONED = 32;

/**
 * A replica's attempts to get on the list. One that is given up may execute all the same, or have done so. Nobody serves
 * under its id, then or later, so its entry is taken off as soon as it is seen: every mutation would wait for it.
 */
export class Joins {
  readonly #parameters: Parameters;
  readonly #identify: () => string;
  #joining: Joining | undefined;
  #notBeforeMono = -Infinity;
  /** Attempts in a row that were not answered in time. */
  #givenUp = 0;
  /** Incarnation → the ticket of the `leave` that is under way for it. */
  readonly #abandoned = new Map<string, number | undefined>();

  constructor(parameters: Parameters, identify: () => string) {
    this.#parameters = parameters;
    this.#identify = identify;
  }

  /** An attempt, where one is due: always under a new id. */
  next(clock: Clock, remembered: Watermark | undefined, ticketed: () => number): StoreRequest | undefined {
    if (this.#joining && clock.mono - this.#joining.sent.mono < patience(this.#parameters, this.#givenUp)) {
      return undefined;
    }
    if (clock.mono < this.#notBeforeMono) return undefined;
    if (this.#joining) this.#givenUp += 1;
    this.abandon();
    const joining = { ticket: ticketed(), id: this.#identify(), sent: clock };
    this.#joining = joining;
    const operation = { op: 'join' as const, incarnation: joining.id, lease: this.#parameters.leaseMs, remembered };
    return { ticket: joining.ticket, operation };
  }

  /** The attempt that this answers, if it is the one waited for: it is no longer. */
  answered(ticket: number): Joining | undefined {
    for (const [id, leave] of this.#abandoned) if (leave === ticket) this.#abandoned.delete(id);
    const joining = this.#joining;
    if (joining?.ticket !== ticket) return undefined;
    this.#joining = undefined;
    this.#givenUp = 0;
    return joining;
  }

  /** Nobody knows what became of it. */
  failed(ticket: number): void {
    if (this.#joining?.ticket === ticket) this.abandon();
    for (const [id, leave] of this.#abandoned) if (leave === ticket) this.#abandoned.set(id, undefined);
  }

  /** The document could not be joined: not before the next poll would be due. */
  refused(clock: Clock): void {
    this.#notBeforeMono = clock.mono + this.#parameters.pollMs;
  }

  /** Whatever comes of the attempt under way, it will not be used. */
  abandon(): void {
    if (this.#joining) this.#abandoned.set(this.#joining.id, undefined);
    this.#joining = undefined;
    keepNewest(this.#abandoned, MOST_ABANDONED);
  }

  /** Removes the abandoned entries that a document lists. */
  leftBehind({ generation, replicas }: EpochDocument, ticketed: () => number): StoreRequest[] {
    return [...this.#abandoned].flatMap(([incarnation, underWay]) => {
      if (underWay !== undefined || !replicas[incarnation]) return [];
      const ticket = ticketed();
      this.#abandoned.set(incarnation, ticket);
      return [{ ticket, operation: { op: 'leave' as const, generation, incarnation } }];
    });
  }
}
