import { type Ablations, NOTHING_ABLATED } from './ablations';
import { type ChangeEvent, type Entity, hashName, nameOf, type Subject, subjectName } from './types';

export interface CacheLimits {
  /** How many entities are kept, per kind. */
  readonly entitiesPerKind: number;
  /** How many ids and hashes are remembered as unknown. Their own bound: a flood of them evicts no live entry. */
  readonly unknown: number;
}

type Mark = typeof UNUSED | typeof USED | typeof GONE;
const UNUSED = 0;
/** Since the eviction hand last passed: it gets a second chance, so that a hit costs no reordering. */
const USED = 1;
/** Forgotten, for ever. To be looked at wherever a slot is not found in the maps. */
const GONE = 2;

/** An entity as it is kept: one object with its mark, and without an array for its one hash, since there are very many. */
class Slot<V> implements Entity<V> {
  readonly kind: string;
  readonly id: string;
  readonly within: readonly string[];
  readonly value: V;
  readonly version: number | undefined;
  mark: Mark = UNUSED;
  /** What was last looked up beside it; see {@link View.byLink}. */
  link: Slot<V> | undefined = undefined;
  readonly #hashes: string | readonly string[];

  constructor({ kind, id, hashes, within, value, version }: Entity<V>) {
    this.kind = kind;
    this.id = id;
    this.within = within.length === 0 ? NONE : within;
    this.value = value;
    this.version = version;
    this.#hashes = hashes.length === 0 ? NONE : hashes.length === 1 ? hashes[0]! : hashes;
  }

  /** A hit. Written only where it changes something: what was used before need not be fetched to be written. */
  touch(): void {
    if (this.mark === UNUSED) this.mark = USED;
  }

  get hashes(): readonly string[] {
    return typeof this.#hashes === 'string' ? [this.#hashes] : this.#hashes;
  }
}

const NONE: readonly string[] = [];

/** How many used entries are passed over to make room for one, so that no single fill pays for a whole cache. */
const MOST_CHANCES = 64;

/** Entity, null where it is known that there is none, or undefined where nothing is known. */
export type Found<V> = Entity<V> | null | undefined;

/** What a check reads from. Calls of their own rather than one about a {@link Subject}: a hit allocates nothing. */
export interface View<V> {
  byHash(hash: string): Found<V>;
  byId(kind: string, id: string): Found<V>;
  /**
   * As `byId`, for what is always looked up after `from`, which this view has just found: remembered beside it, so that no map
   * is searched. One thing is remembered, the last.
   */
  byLink(from: Entity<V>, kind: string, id: string): Found<V>;
}

/** Entities by id and by hash in bounded memory; what was used least recently goes first. */
export class EntityCache<V> implements View<V> {
  readonly #limits: CacheLimits;
  readonly #ablations: Ablations;
  readonly #kinds = new Map<string, Map<string, Slot<V>>>();
  readonly #byHash = new Map<string, Slot<V>>();
  readonly #within = new Map<string, Set<Slot<V>>>();
  readonly #unknown = new Set<string>();

  /** `kinds`: all that this version can hold. An event about another one cannot be applied by eviction. */
  constructor(kinds: readonly string[], limits: CacheLimits, ablations: Ablations = NOTHING_ABLATED) {
    this.#limits = limits;
    this.#ablations = ablations;
    for (const kind of kinds) this.#kinds.set(kind, new Map());
  }

  knows(kind: string): boolean {
    return this.#kinds.has(kind);
  }

  get size(): number {
    let size = 0;
    for (const slots of this.#kinds.values()) size += slots.size;
    return size;
  }

  get unknownSize(): number {
    return this.#unknown.size;
  }

  byHash(hash: string): Found<V> {
    const slot = this.#byHash.get(hash);
    if (!slot) return this.#unknown.has(hashName(hash)) ? null : undefined;
    slot.touch();
    return slot;
  }

  byId(kind: string, id: string): Found<V> {
    const slot = this.#kinds.get(kind)?.get(id);
    if (!slot) return this.#unknown.has(nameOf(kind, id)) ? null : undefined;
    slot.touch();
    return slot;
  }

  byLink(from: Entity<V>, kind: string, id: string): Found<V> {
    // All that this view finds are slots.
    const slot = from as Slot<V>;
    const { link } = slot;
    if (link && link.id === id && link.kind === kind && (link.mark !== GONE || this.#ablations.deadLinks)) {
      link.touch();
      return link;
    }
    const found = this.byId(kind, id);
    if (found) slot.link = found as Slot<V>;
    return found;
  }

  find(subject: Subject): Found<V> {
    return subject.by === 'hash' ? this.byHash(subject.hash) : this.byId(subject.kind, subject.id);
  }

  put(entity: Entity<V>): void {
    const slots = this.#kinds.get(entity.kind);
    if (!slots) throw new Error(`no entity of kind ${entity.kind} can be cached`);
    this.#remove(slots.get(entity.id));
    this.#unknown.delete(nameOf(entity.kind, entity.id));
    const slot = new Slot(entity);
    slots.set(entity.id, slot);
    for (const hash of entity.hashes) {
      this.#unknown.delete(hashName(hash));
      this.#byHash.set(hash, slot);
    }
    for (const container of entity.within) {
      const contained = this.#within.get(container);
      if (contained) contained.add(slot);
      else this.#within.set(container, new Set([slot]));
    }
    if (slots.size > this.#limits.entitiesPerKind) this.#makeRoom(slots);
  }

  /** Remembers that there is nothing. */
  putUnknown(subject: Subject): void {
    const name = subjectName(subject);
    this.#unknown.delete(name);
    this.#unknown.add(name);
    if (this.#unknown.size > this.#limits.unknown) this.#unknown.delete(first(this.#unknown));
  }

  evict(event: ChangeEvent): void {
    const name = nameOf(event.kind, event.id);
    this.#remove(this.#kinds.get(event.kind)?.get(event.id));
    this.#unknown.delete(name);
    for (const hash of event.hashes) {
      this.#remove(this.#byHash.get(hash));
      this.#unknown.delete(hashName(hash));
    }
    for (const slot of [...(this.#within.get(name) ?? [])]) this.#remove(slot);
  }

  /** Nothing is found any more, so nothing leads to what was: links need no look. */
  flush(): void {
    for (const slots of this.#kinds.values()) slots.clear();
    this.#byHash.clear();
    this.#within.clear();
    this.#unknown.clear();
  }

  #makeRoom(slots: Map<string, Slot<V>>): void {
    let chances = MOST_CHANCES;
    for (const [id, slot] of slots) {
      if (slot.mark !== USED || chances-- === 0) return this.#remove(slot);
      slot.mark = UNUSED;
      slots.delete(id);
      slots.set(id, slot);
    }
  }

  #remove(slot: Slot<V> | undefined): void {
    if (!slot) return;
    slot.mark = GONE;
    slot.link = undefined;
    const { kind, id, hashes, within } = slot;
    this.#kinds.get(kind)?.delete(id);
    for (const hash of hashes) if (this.#byHash.get(hash) === slot) this.#byHash.delete(hash);
    for (const container of within) {
      const contained = this.#within.get(container);
      contained?.delete(slot);
      if (contained?.size === 0) this.#within.delete(container);
    }
  }
}

function first<T>(of: Iterable<T>): T {
  for (const item of of) return item;
  throw new Error('nothing to choose from');
}
