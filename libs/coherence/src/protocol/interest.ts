import { type Ablations } from './ablations';
import { type ChangeEvent, type Entity, hashName, nameOf, type Subject, subjectName } from './types';

/** Bits for each holder, a power of two: 32 KiB, however much it is sent: the more that is, the more it is told for nothing. */
const BITS = 1 << 18;

/**
 * What a holder may have in memory, as a filter: a change that concerns nothing it was sent, it need not be told of. In the other
 * direction it may err, which costs a message: two names can share a bit, and bits stay until everything is forgotten.
 */
export class Interest {
  readonly #bits = new Uint32Array(BITS / 32);
  readonly #ablations: Ablations;

  constructor(ablations: Ablations) {
    this.#ablations = ablations;
  }

  /** All names under which an event may mean it. */
  sent({ kind, id, hashes, within }: Entity<unknown>): void {
    this.#add(nameOf(kind, id));
    for (const hash of hashes) this.#add(hashName(hash));
    for (const container of within) this.#add(container);
  }

  /** The holder remembers that there is nothing, which is a fact, too. */
  sentAbsent(subject: Subject): void {
    if (!this.#ablations.absentUntold) this.#add(subjectName(subject));
  }

  covers({ kind, id, hashes }: ChangeEvent): boolean {
    return this.#has(nameOf(kind, id)) || hashes.some((hash) => this.#has(hashName(hash)));
  }

  clear(): void {
    this.#bits.fill(0);
  }

  #add(name: string): void {
    const bit = bitOf(name);
    this.#bits[bit >>> 5]! |= 1 << (bit & 31);
  }

  #has(name: string): boolean {
    const bit = bitOf(name);
    return (this.#bits[bit >>> 5]! & (1 << (bit & 31))) !== 0;
  }
}

/** FNV-1a of 32 bits (Fowler, Noll, Vo), folded. */
function bitOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 18)) & (BITS - 1);
}
