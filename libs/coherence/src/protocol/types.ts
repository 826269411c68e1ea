/** One reading of a machine's two clocks, milliseconds. Only differences of `mono` mean anything. */
export interface Clock {
  /** Monotonic; may stand still while the machine is suspended. */
  readonly mono: number;
  /** Wall clock; may be wrong and may jump. Only used to notice a suspended machine. */
  readonly wall: number;
}

/**
 * What a mutation changed: every replica gives up what it holds of the entity from before, and everything found under the hashes.
 */
export interface ChangeEvent {
  readonly kind: string;
  readonly id: string;
  /** Every hash under which the entity is, was or becomes found. Only keys have some. */
  readonly hashes: readonly string[];
  /** Spares whoever holds the version before it the read. Travels over Redis alone: nothing that is stored has it. */
  readonly delta?: Delta;
}

/** What a change makes of exactly the version before its own. */
export interface Delta {
  /** The version that it makes. */
  readonly version: number;
  /** New values of the fields that it changes; what they mean is up to whoever caches the entity. */
  readonly fields: Readonly<Record<string, DeltaField>>;
}

/** Flat, so that whoever looks at what anybody may have sent looks no deeper than it was meant to be. */
export type DeltaField = string | number | boolean | null | readonly string[];

/** A change as everybody is told of it, by whatever way. */
export interface Announcement {
  /** No other change ever has it: who has applied this name once, after the change was committed, need not do so again. */
  readonly name: string;
  readonly event: ChangeEvent;
}

/** One cached fact. */
export interface Entity<V> {
  readonly kind: string;
  readonly id: string;
  readonly hashes: readonly string[];
  /** Names ({@link nameOf}) of entities whose events evict this one too, because the value holds something of theirs. */
  readonly within: readonly string[];
  readonly value: V;
  /**
   * Counts the changes of the value: two reads that show the same one show the same value, or one that no {@link Delta} applies
   * to. Absent where nobody counts: then none applies.
   */
  readonly version?: number | undefined;
}

/** What a check looks up: an entity by its id, or the entity found under a hash. */
export type Subject =
  { readonly by: 'id'; readonly kind: string; readonly id: string } | { readonly by: 'hash'; readonly hash: string };

/** One replica's entry in the epoch document. */
export interface ReplicaEntry {
  /** Every event up to this number is applied there, and by every SDK holder under it. */
  readonly ack: number;
  /** Counts the polls of this incarnation. */
  readonly poll: number;
  /** The lease this incarnation joined with, milliseconds. */
  readonly lease: number;
}

/** The one document that orders all mutations and lists all replicas. */
export interface EpochDocument {
  /** New with every restore; later ones compare greater as strings. */
  readonly generation: string;
  /** Keys the MAC of what this generation sends over Redis. */
  readonly macKey: string;
  /** The number of the newest event. */
  readonly seq: number;
  /** The newest changes, oldest first; the last has number `seq`. */
  readonly ring: readonly Announcement[];
  readonly replicas: Readonly<Record<string, ReplicaEntry>>;
  /** While a restore waits for the leases of the former generation: no bumps. */
  readonly frozen: boolean;
  /** Database time of the last operation, milliseconds. */
  readonly at: number;
}

/** How far an epoch had come when somebody last saw it. A document that shows less was restored from a backup. */
export interface Watermark {
  readonly generation: string;
  readonly seq: number;
}

export function nameOf(kind: string, id: string): string {
  return `${kind}:${id}`;
}

export function hashName(hash: string): string {
  return `hash:${hash}`;
}

export function subjectName(subject: Subject): string {
  return subject.by === 'hash' ? hashName(subject.hash) : nameOf(subject.kind, subject.id);
}

/** Whether `mark` is behind `than`; nothing is behind what nobody remembers. */
export function isBehind(mark: Watermark, than: Watermark | undefined): boolean {
  if (than === undefined) return false;
  return mark.generation < than.generation || (mark.generation === than.generation && mark.seq < than.seq);
}
