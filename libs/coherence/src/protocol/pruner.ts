import { type Ablations, NOTHING_ABLATED } from './ablations';
import { type EpochOperation } from './epoch-operations';
import { type Parameters } from './parameters';
import { type Clock, type EpochDocument } from './types';
import { outlasting } from './waiting';

interface Still {
  readonly poll: number;
  /** When this pruner first read that value. */
  readonly sinceMono: number;
}

/** Finds replicas whose poll counter stands still until their lease is surely over, whatever their clock says. */
export class Pruner {
  readonly #parameters: Parameters;
  readonly #ablations: Ablations;
  #generation = '';
  #still = new Map<string, Still>();

  constructor(parameters: Parameters, ablations: Ablations = NOTHING_ABLATED) {
    this.#parameters = parameters;
    this.#ablations = ablations;
  }

  /** A document just read. Returns the operations to execute; whether they match is of no consequence. */
  saw(document: EpochDocument, clock: Clock): EpochOperation[] {
    const { generation } = document;
    if (generation !== this.#generation) this.#still.clear();
    this.#generation = generation;
    const still = new Map<string, Still>();
    const operations: EpochOperation[] = [];
    for (const [incarnation, { poll, lease }] of Object.entries(document.replicas)) {
      const before = this.#still.get(incarnation);
      // Any other value starts the wait anew, an older one too: the compare-and-set then decides.
      const now = before?.poll === poll ? before : { poll, sinceMono: clock.mono };
      still.set(incarnation, now);
      const idle = this.#ablations.pruneTooEarly
        ? this.#parameters.pollMs
        : outlasting(lease, this.#parameters, this.#ablations);
      if (clock.mono - now.sinceMono >= idle) operations.push({ op: 'prune', generation, incarnation, poll });
    }
    this.#still = still;
    return operations;
  }
}
