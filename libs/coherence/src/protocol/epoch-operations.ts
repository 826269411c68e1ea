import { type Announcement, type EpochDocument, isBehind, type ReplicaEntry, type Watermark } from './types';

/**
 * Everything that is ever done to the epoch document. Each is one `findOneAndUpdate` returning the document after the
 * update, with `w: majority, j: true`: the conditions in `execute` are its filter, what `execute` sets is its update.
 */
export type EpochOperation =
  | {
      readonly op: 'join';
      readonly incarnation: string;
      readonly lease: number;
      /** The highest mark this process, its data folder or Redis has seen: a document behind it is not joined. */
      readonly remembered?: Watermark;
    }
  | {
      readonly op: 'poll';
      readonly generation: string;
      readonly incarnation: string;
      /** The highest `poll` that an answer has shown: a document with less has gone backwards. */
      readonly confirmed: number;
      readonly ack: number;
    }
  | {
      readonly op: 'bump';
      readonly events: readonly Announcement[];
      readonly ringSize: number;
      readonly remembered?: Watermark;
    }
  | { readonly op: 'prune'; readonly generation: string; readonly incarnation: string; readonly poll: number }
  | { readonly op: 'leave'; readonly generation: string; readonly incarnation: string }
  | { readonly op: 'restore'; readonly previous: string; readonly generation: string; readonly macKey: string }
  | { readonly op: 'thaw'; readonly generation: string };

/** The document of a deployment that has never had one. */
export function firstDocument(generation: string, macKey: string, now: number): EpochDocument {
  return { generation, macKey, seq: 0, ring: [], replicas: {}, frozen: false, at: now };
}

/** The document after the operation, or undefined where the filter matches nothing. `now` is `$currentDate`. */
export function execute(document: EpochDocument, operation: EpochOperation, now: number): EpochDocument | undefined {
  const changed = apply(document, operation);
  return changed && { ...changed, at: now };
}

function apply(document: EpochDocument, operation: EpochOperation): EpochDocument | undefined {
  switch (operation.op) {
    case 'join': {
      const { incarnation, lease } = operation;
      if (document.replicas[incarnation] || isBehind(document, operation.remembered)) return undefined;
      return withReplica(document, incarnation, { ack: 0, poll: 0, lease });
    }
    case 'poll': {
      const entry = entryOf(document, operation);
      if (!entry || entry.poll < operation.confirmed) return undefined;
      // $max, not $set: a poll that was overtaken must not take an acknowledgement back.
      const ack = Math.max(entry.ack, operation.ack);
      return withReplica(document, operation.incarnation, { ...entry, ack, poll: entry.poll + 1 });
    }
    case 'bump': {
      if (document.frozen || isBehind(document, operation.remembered)) return undefined;
      const ring = [...document.ring, ...operation.events].slice(-operation.ringSize);
      return { ...document, seq: document.seq + operation.events.length, ring };
    }
    case 'prune': {
      const entry = entryOf(document, operation);
      return entry && entry.poll === operation.poll ? withoutReplica(document, operation.incarnation) : undefined;
    }
    case 'leave':
      return entryOf(document, operation) && withoutReplica(document, operation.incarnation);
    case 'restore': {
      if (document.generation !== operation.previous || operation.generation <= document.generation) return undefined;
      const { generation, macKey } = operation;
      return { ...document, generation, macKey, replicas: {}, ring: [], frozen: true };
    }
    case 'thaw':
      return document.generation === operation.generation ? { ...document, frozen: false } : undefined;
  }
}

function entryOf(document: EpochDocument, of: { generation: string; incarnation: string }): ReplicaEntry | undefined {
  return document.generation === of.generation ? document.replicas[of.incarnation] : undefined;
}

function withReplica(document: EpochDocument, incarnation: string, entry: ReplicaEntry): EpochDocument {
  return { ...document, replicas: { ...document.replicas, [incarnation]: entry } };
}

function withoutReplica(document: EpochDocument, incarnation: string): EpochDocument {
  const { [incarnation]: _removed, ...replicas } = document.replicas;
  return { ...document, replicas };
}
