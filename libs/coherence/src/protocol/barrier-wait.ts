import { type Ablations } from './ablations';
import { type Broadcast } from './messages';
import { type Parameters } from './parameters';
import { type Clock, type EpochDocument } from './types';
import { outlasting } from './waiting';

/** One mutation waiting, after the answer of its last bump, for everybody listed there. */
export class BarrierWait {
  readonly #generation: string;
  readonly #numbers: readonly number[];
  readonly #untilMono: number;
  /** Listed incarnations that have not acknowledged, with the events they have over Redis. */
  readonly #missing = new Map<string, Set<number>>();
  readonly #ablations: Ablations;

  /** `document` is the bump's answer, just received; `numbers` are this mutation's events in it. */
  constructor(
    document: EpochDocument,
    numbers: readonly number[],
    received: Clock,
    parameters: Parameters,
    ablations: Ablations,
  ) {
    this.#generation = document.generation;
    this.#numbers = numbers;
    this.#ablations = ablations;
    const entries = Object.entries(document.replicas);
    for (const [incarnation] of entries) this.#missing.set(incarnation, new Set());
    const longest = ablations.mixedLeases ? parameters.leaseMs : Math.max(0, ...entries.map(([, { lease }]) => lease));
    this.#untilMono = received.mono + outlasting(longest, parameters, ablations);
  }

  isOver(clock: Clock): boolean {
    return this.#missing.size === 0 || clock.mono >= this.#untilMono || this.#ablations.noWait === true;
  }

  /** An incarnation that is no longer listed has not acknowledged: only time helps. */
  sawDocument(document: EpochDocument): void {
    if (document.generation !== this.#generation) return;
    const last = this.#numbers.at(-1) ?? 0;
    for (const incarnation of this.#missing.keys()) {
      if ((document.replicas[incarnation]?.ack ?? -1) >= last) this.#missing.delete(incarnation);
    }
  }

  /** Counts for exactly the events named: the replica may have missed an earlier one. */
  heardApplied({ generation, incarnation, numbers }: Extract<Broadcast, { type: 'applied' }>): void {
    const applied = this.#missing.get(incarnation);
    if (!applied || generation !== this.#generation) return;
    for (const number of numbers) applied.add(number);
    const newest = this.#ablations.ackForEarlier ? Math.max(...numbers) : -1;
    if (this.#numbers.every((number) => applied.has(number) || number <= newest)) this.#missing.delete(incarnation);
  }
}
