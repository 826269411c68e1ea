import { type Ablations } from './ablations';
import { type Broadcast } from './messages';
import { orderOf } from './naming';
import { type Parameters } from './parameters';
import { type Clock, type EpochDocument } from './types';
import { outlasting } from './waiting';

/** One mutation that has committed, waiting for everybody who was listed at some moment since. */
export class BarrierWait {
  readonly #names: readonly string[];
  readonly #parameters: Parameters;
  readonly #ablations: Ablations;
  /** What incarnations have said over Redis: of this mutation's names, those that they have applied. */
  readonly #applied = new Map<string, Set<string>>();
  /** Who was listed after the commit and before the bump: only their word counts, since polls bring them nothing yet. */
  #unheard: Set<string> | undefined;
  /** From the answer of the last bump on. */
  #listed: Listed | undefined;

  constructor(names: readonly string[], parameters: Parameters, ablations: Ablations) {
    this.#names = names;
    this.#parameters = parameters;
    this.#ablations = ablations;
  }

  /** `document` was read after the commit. */
  asked(document: EpochDocument, received: Clock): void {
    this.#unheard = this.#missingOf(document);
    if (this.#ablations.listWaitsOut) this.bumped(document, Infinity, received);
  }

  /** `document` is the bump's answer, just received; `last` the number of this mutation's last event in it. */
  bumped(document: EpochDocument, last: number, received: Clock): void {
    const { generation } = document;
    const entries = Object.values(document.replicas);
    const leases = this.#ablations.mixedLeases ? [this.#parameters.leaseMs] : entries.map(({ lease }) => lease);
    const untilMono = received.mono + outlasting(Math.max(0, ...leases), this.#parameters, this.#ablations);
    this.#listed = { generation, last, untilMono, missing: this.#missingOf(document) };
  }

  isOver(clock: Clock): boolean {
    if (this.#unheard?.size === 0) return true;
    const listed = this.#listed;
    if (!listed) return false;
    return listed.missing.size === 0 || clock.mono >= listed.untilMono || this.#ablations.noWait === true;
  }

  /** An incarnation that is no longer listed has not acknowledged: only time helps. */
  sawDocument(document: EpochDocument): void {
    const listed = this.#listed;
    if (document.generation !== listed?.generation) return;
    for (const incarnation of listed.missing) {
      if ((document.replicas[incarnation]?.ack ?? -1) >= listed.last) listed.missing.delete(incarnation);
    }
  }

  /** Counts for exactly the changes named: the replica may have missed an earlier one. */
  heardApplied({ incarnation, names }: Extract<Broadcast, { type: 'applied' }>): void {
    const mine = names.filter((name) => this.#names.includes(name));
    if (this.#ablations.ackForEarlier) {
      const newest = Math.max(...names.map(orderOf));
      mine.push(...this.#names.filter((name) => orderOf(name) <= newest));
    }
    if (mine.length === 0) return;
    const applied = this.#applied.get(incarnation) ?? new Set();
    this.#applied.set(incarnation, applied);
    for (const name of mine) applied.add(name);
    if (!this.#hasApplied(incarnation)) return;
    this.#unheard?.delete(incarnation);
    this.#listed?.missing.delete(incarnation);
  }

  /** Whoever has acknowledged before that has forgotten after the commit, and no other ever bears its id. */
  #missingOf({ replicas }: EpochDocument): Set<string> {
    return new Set(Object.keys(replicas).filter((incarnation) => !this.#hasApplied(incarnation)));
  }

  #hasApplied(incarnation: string): boolean {
    const applied = this.#applied.get(incarnation);
    return applied !== undefined && this.#names.every((name) => applied.has(name));
  }
}

interface Listed {
  readonly generation: string;
  readonly last: number;
  readonly untilMono: number;
  /** Listed incarnations that have not acknowledged. */
  readonly missing: Set<string>;
}
