import { type Ablations, NOTHING_ABLATED } from './ablations';
import { type EpochOperation } from './epoch-operations';
import { type Parameters } from './parameters';
import { type Clock, type EpochDocument } from './types';
import { outlasting } from './waiting';

export interface RestoreOptions {
  /** Its `leaseMs` is the longest lease that anybody may have joined with, also after the backup was taken. */
  readonly parameters: Parameters;
  /** Greater, as a string, than every generation before. */
  readonly generation: string;
  readonly macKey: string;
  /** Only the simulator passes this. */
  readonly ablations?: Ablations;
}

/**
 * What `latchkey restore` does to an epoch document that came back from a backup: a new generation, which no poll of the
 * former one matches, and no bumps until the leases of that are over. If it dies halfway, bumps stay frozen: run it again.
 */
export class Restorer {
  readonly #options: RestoreOptions;
  readonly #ablations: Ablations;
  readonly #longestMs: number;
  readonly #previous: string;
  #thawMono: number | undefined;

  /** `found` is the document as it came back. */
  constructor(found: EpochDocument, options: RestoreOptions) {
    this.#options = options;
    this.#ablations = options.ablations ?? NOTHING_ABLATED;
    this.#previous = found.generation;
    const listed = Object.values(found.replicas).map(({ lease }) => lease);
    this.#longestMs = Math.max(options.parameters.leaseMs, ...listed);
  }

  /** To be executed first; nothing is changed when it matches nothing. */
  begin(): EpochOperation {
    const { generation, macKey } = this.#options;
    return { op: 'restore', previous: this.#previous, generation, macKey };
  }

  /** The new generation stands. */
  begun(clock: Clock): void {
    const wait = outlasting(this.#longestMs, this.#options.parameters, this.#ablations);
    this.#thawMono = clock.mono + (this.#ablations.restoreWithoutFreeze ? 0 : wait);
  }

  /** Milliseconds until bumps may be allowed again. */
  remaining(clock: Clock): number {
    return Math.max(0, (this.#thawMono ?? Infinity) - clock.mono);
  }

  /** The operation that allows bumps again, once it is time. */
  tick(clock: Clock): EpochOperation | undefined {
    if (this.#thawMono === undefined || clock.mono < this.#thawMono) return undefined;
    return { op: 'thaw', generation: this.#options.generation };
  }
}
