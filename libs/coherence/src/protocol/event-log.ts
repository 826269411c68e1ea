import { type ChangeEvent, hashName, nameOf } from './types';

/** What happened to the local caches, in order: what fill guards and SDK holders go by. `undefined` is a flush. */
type Entry = ChangeEvent | undefined;

/** The local event log. Positions count from 1; position 0 is before everything. */
export class EventLog {
  readonly #limit: number;
  #entries: Entry[] = [];
  /** The position of the newest entry that is no longer kept. */
  #forgotten = 0;

  /** `limit`: how many entries are kept; a fill that began before them counts as disturbed. */
  constructor(limit = 8_192) {
    this.#limit = limit;
  }

  get position(): number {
    return this.#forgotten + this.#entries.length;
  }

  append(entry: Entry): number {
    this.#entries.push(entry);
    if (this.#entries.length > 2 * this.#limit) {
      this.#entries = this.#entries.slice(-this.#limit);
      this.#forgotten += this.#limit + 1;
    }
    return this.position;
  }

  /** Whether anything after `position` flushed, or named one of `names`. */
  disturbed(position: number, names: ReadonlySet<string>, byHash: boolean): boolean {
    if (position < this.#forgotten) return true;
    for (let place = position - this.#forgotten; place < this.#entries.length; place++) {
      const event = this.#entries[place];
      if (!event || names.has(nameOf(event.kind, event.id))) return true;
      if (byHash && event.hashes.some((hash) => names.has(hashName(hash)))) return true;
    }
    return false;
  }
}
