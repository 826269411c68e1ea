import { type ChangeEvent, type Delta, type Entity, type FillResult, type Renew, type Subject } from '../src/protocol';
import { type Timeline } from './timeline';

/** The state of one entity; which of the properties matter depends on its kind. */
export interface State {
  /** key: not deleted. member: active. role: grants the permission. */
  readonly on: boolean;
  /** key: the hash it is found under at present. */
  readonly hash?: string;
  /** key: the database time at which it expires. */
  readonly expires?: number;
}

/** What replicas cache: a state, and its version for the checker. */
export interface Fact {
  readonly slot: number;
  readonly version: number;
  readonly state: State;
  /** Not read, but made of what was. */
  readonly renewed?: true;
}

export interface Mutation {
  readonly id: number;
  readonly slot: number;
  readonly state: State;
  readonly event: ChangeEvent;
  /** Whether replicas are told what it makes of the version before. */
  readonly withDelta: boolean;
  /** What had been acknowledged when it began. */
  readonly since: readonly number[];
  /** The version it made; undefined until it has committed, and where a backup from before that was brought back. */
  version?: number;
  /** What it made of the version before, for those who are told. */
  delta?: Delta | undefined;
  acknowledged: boolean;
}

/** The facts at some moment: the place of each slot's newest version then, and what had not been bumped. */
export interface Facts {
  readonly places: readonly number[];
  readonly outbox: ReadonlyMap<Mutation, number>;
}

/** How others hear of a mutation. */
export interface Telling {
  /** What a newer version of the software calls the change. */
  readonly as?: ChangeEvent | undefined;
  readonly withDelta?: boolean;
}

interface Version {
  readonly state: State;
  readonly at: number;
  /** As the service counts them: a restored database gives numbers for a second time. */
  readonly number: number;
}

interface Slot {
  readonly kind: string;
  readonly id: string;
  /** All states there have been, with when they were committed. */
  readonly versions: Version[];
  /** Per version: what must be seen together with it, for it was acknowledged before the version's mutation began. */
  readonly together: number[][];
}

export const KINDS = ['key', 'member', 'role'] as const;

/** The facts: keys k0…, each of member m<i mod 2> with role r<i mod 2>. Every change makes a version. */
export class World {
  readonly acknowledged: number[];
  readonly #slots: Slot[] = [];
  readonly #timeline: Timeline;
  readonly #proposed: Mutation[] = [];
  /** Slots of which a restore that goes on has changed what is true. */
  readonly #restoring = new Set<number>();

  constructor(timeline: Timeline, keys: readonly State[]) {
    this.#timeline = timeline;
    keys.forEach((state, i) => this.#add('key', `k${i}`, state));
    for (const kind of ['member', 'role']) for (const i of [0, 1]) this.#add(kind, `${kind[0]}${i}`, { on: true });
    this.acknowledged = this.#slots.map(() => 0);
    for (const slot of this.#slots) slot.together.push(this.#slots.map(() => 0));
  }

  get size(): number {
    return this.#slots.length;
  }

  slotOf(id: string): number {
    return this.#slots.findIndex((slot) => slot.id === id);
  }

  nameOf(slot: number): string {
    return this.#slots[slot]!.id;
  }

  kindOf(slot: number): string {
    return this.#slots[slot]!.kind;
  }

  latest(slot: number): State {
    return this.#slots[slot]!.versions.at(-1)!.state;
  }

  /** Versions of a slot from `from` to the newest. */
  statesFrom(slot: number, from: number): State[] {
    return this.#slots[slot]!.versions.slice(from).map(({ state }) => state);
  }

  stateOf(slot: number, version: number): State | undefined {
    return this.#slots[slot]!.versions[version]?.state;
  }

  together(slot: number, version: number): readonly number[] {
    return this.#slots[slot]!.together[version]!;
  }

  /** A change that somebody is about to make. */
  propose(id: string, state: State, { as, withDelta = false }: Telling = {}): Mutation {
    const slot = this.slotOf(id);
    const { kind } = this.#slots[slot]!;
    const event = as ?? { kind, id, hashes: kind === 'key' ? [`${id}#0`, `${id}#1`] : [] };
    const number = this.#proposed.length + 1;
    const since = [...this.acknowledged];
    const mutation = { id: number, slot, state, event, withDelta, since, acknowledged: false };
    this.#proposed.push(mutation);
    return mutation;
  }

  /** Idempotent: a repeat finds its first attempt. */
  commit(mutation: Mutation): void {
    if (mutation.version !== undefined) return;
    const slot = this.#slots[mutation.slot]!;
    const before = slot.versions.at(-1)!;
    const made = { state: mutation.state, at: this.#timeline.now, number: before.number + 1 };
    mutation.version = slot.versions.push(made) - 1;
    if (mutation.withDelta) mutation.delta = deltaOf(before, made, mutation.version);
    this.outbox.set(mutation, this.#timeline.now);
    const seen = slot.together[mutation.version - 1]!;
    slot.together.push(mutation.since.map((version, i) => Math.max(version, seen[i]!)));
    this.#timeline.note(
      () => `M${mutation.id} commits ${slot.id} v${mutation.version} ${JSON.stringify(mutation.state)}`,
    );
  }

  /** The answer of a mutation that made `version`: from here on nobody may start a check and see less. */
  acknowledge(mutation: Mutation, version: number | undefined): void {
    if (version === undefined) throw new Error(`M${mutation.id} was acknowledged without having been made`);
    if (mutation.acknowledged) return;
    mutation.acknowledged = true;
    // Else it is gone with the database that it was made in, and nobody can see it.
    if (mutation.version === version) {
      this.acknowledged[mutation.slot] = Math.max(this.acknowledged[mutation.slot]!, version);
    }
    this.#timeline.note(() => `M${mutation.id} is acknowledged: ${this.nameOf(mutation.slot)} v${version}`);
  }

  /** What has committed and not been bumped: the outbox, with when each was committed. */
  readonly outbox = new Map<Mutation, number>();

  backup(): Facts {
    return { places: this.#slots.map(({ versions }) => versions.length - 1), outbox: new Map(this.outbox) };
  }

  /**
   * The facts are again what they were, which makes a version of its own of each that has changed since. Answers what is to be called
   * once nobody may see what was lost any more.
   */
  restore({ places, outbox }: Facts): () => void {
    for (const mutation of this.#proposed) {
      if (mutation.version === undefined || mutation.version <= places[mutation.slot]!) continue;
      mutation.version = undefined;
      mutation.delta = undefined;
    }
    const restored = this.#slots.map((slot, i) => {
      const place = places[i]!;
      if (place === slot.versions.length - 1) return place;
      slot.together.push(slot.together[place]!);
      return slot.versions.push({ ...slot.versions[place]!, at: this.#timeline.now }) - 1;
    });
    this.outbox.clear();
    for (const [mutation, committed] of outbox) this.outbox.set(mutation, committed);
    const changed = restored.flatMap((version, i) => (version === places[i] ? [] : [i]));
    for (const slot of changed) this.#restoring.add(slot);
    this.#timeline.note(() => 'the facts are restored');
    return () => {
      for (const slot of changed) this.#restoring.delete(slot);
      restored.forEach((version, i) => (this.acknowledged[i] = Math.max(this.acknowledged[i]!, version)));
      this.#timeline.note(() => 'nobody may see any more what was lost');
    };
  }

  /** Until a restore that has changed it is over, replicas of before are within their leases, and read what is restored. */
  isBeingRestored(slot: number): boolean {
    return this.#restoring.has(slot);
  }

  /** Mutations that were asked for and never answered. */
  unacknowledged(): string[] {
    return this.#proposed.filter(({ acknowledged }) => !acknowledged).map(({ id }) => `M${id}`);
  }

  /** What the facts say about a subject, as of `at`. */
  read(subject: Subject, at: number): FillResult<Fact> {
    for (const [place, slot] of this.#slots.entries()) {
      let version = slot.versions.length - 1;
      while (version > 0 && slot.versions[version]!.at > at) version--;
      const { state, number } = slot.versions[version]!;
      const matches =
        subject.by === 'id'
          ? slot.kind === subject.kind && slot.id === subject.id
          : slot.kind === 'key' && state.on && state.hash === subject.hash;
      if (matches) return { entities: [entity(slot, { slot: place, version, state }, number)], absent: [] };
    }
    return { entities: [], absent: [subject] };
  }

  #add(kind: string, id: string, state: State): void {
    this.#slots.push({ kind, id, versions: [{ state, at: 0, number: 0 }], together: [] });
  }
}

function entity({ kind, id }: Slot, fact: Fact, number: number): Entity<Fact> {
  const { hash } = fact.state;
  return { kind, id, hashes: kind === 'key' && hash ? [hash] : [], within: [], version: number, value: fact };
}

/** As the real service does it: with another hash, a key is read anew. */
function deltaOf(before: Version, { state, number }: Version, version: number): Delta | undefined {
  const { on } = state;
  return areEqual({ ...before.state, on }, state) ? { version: number, fields: { on, version } } : undefined;
}

export const renewFact: Renew<Fact> = ({ value: { slot, state } }, { on, version }) =>
  typeof on === 'boolean' && typeof version === 'number'
    ? { slot, version, state: { ...state, on }, renewed: true }
    : undefined;

export function areEqual(one: State, other: State): boolean {
  return one.on === other.on && one.hash === other.hash && one.expires === other.expires;
}

export function keyOfHash(hash: string): string {
  return hash.slice(0, hash.indexOf('#'));
}
