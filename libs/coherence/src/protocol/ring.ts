import { type Ablations } from './ablations';
import { type Announcement, type EpochDocument } from './types';

/** What a replica that has applied everything up to `applied` has to do about a document. */
export type News =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'events'; readonly events: readonly Announcement[] }
  /** Events are missing from the ring, or this version doesn't know what they name: only forgetting everything is safe. */
  | { readonly kind: 'flush' };

export function newsSince(
  document: EpochDocument,
  applied: number,
  knows: (kind: string) => boolean,
  ablations: Ablations,
): News {
  if (document.seq <= applied) return { kind: 'nothing' };
  // An event's number is its place, so that no two writers, and no part of a group, can disagree about it.
  const first = document.seq - document.ring.length + 1;
  if (first > applied + 1 && !ablations.gapIgnored) return { kind: 'flush' };
  const events = document.ring.slice(Math.max(0, applied + 1 - first));
  const unknown = events.some(({ event }) => !knows(event.kind));
  return unknown && !ablations.unknownKindIgnored ? { kind: 'flush' } : { kind: 'events', events };
}
