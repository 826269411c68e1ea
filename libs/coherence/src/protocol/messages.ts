import { type Announcement, type ChangeEvent, type Entity, type Subject } from './types';

/** What travels over Redis. Nothing depends on it but speed. */
export type Broadcast =
  | { readonly type: 'events'; readonly generation: string; readonly events: readonly Announcement[] }
  /** "Incarnation X has applied exactly these changes of this writer": it says nothing about any other. */
  | {
      readonly type: 'applied';
      readonly generation: string;
      readonly incarnation: string;
      readonly writer: string;
      readonly names: readonly string[];
    };

export interface SignedBroadcast {
  readonly body: Broadcast;
  readonly mac: string;
}

/** A keyed MAC over text; the core knows no cryptography. */
export interface Authenticator {
  sign(key: string, text: string): string;
  /** Compares in constant time. */
  verify(key: string, text: string, mac: string): boolean;
}

export function sign(authenticator: Authenticator, key: string, body: Broadcast): SignedBroadcast {
  return { body, mac: authenticator.sign(key, canonical(body)) };
}

export function isGenuine(authenticator: Authenticator, key: string, { body, mac }: SignedBroadcast): boolean {
  return authenticator.verify(key, canonical(body), mac);
}

/** One text per message, in arrays, so that no two messages and no order of properties can share one. */
function canonical(body: Broadcast): string {
  if (body.type === 'applied') {
    return JSON.stringify([body.type, body.generation, body.incarnation, body.writer, body.names]);
  }
  const events = body.events.map(({ name, event: { kind, id, hashes, delta } }) => [
    name,
    kind,
    id,
    hashes,
    ...(delta ? [delta.version, delta.fields] : []),
  ]);
  return JSON.stringify([body.type, body.generation, events]);
}

/** What a replica sends to an SDK holder, on one ordered stream. */
export type DownMessage<V> =
  /** Forget this; without an event, forget everything. */
  | { readonly type: 'event'; readonly position: number; readonly event: ChangeEvent | undefined }
  | { readonly type: 'entries'; readonly entities: readonly Entity<V>[]; readonly absent: readonly Subject[] }
  | {
      readonly type: 'lease';
      /** The request this answers: the holder counts from when it sent that. */
      readonly request: number;
      readonly durationMs: number;
      readonly databaseTime: number;
    }
  /** An entry that was asked for can't be had now: whoever waits for it is told so, and may ask again. */
  | { readonly type: 'unreadable'; readonly subject: Subject }
  /** Not now: events are unacknowledged, or the replica has no lease itself. */
  | { readonly type: 'refused'; readonly request: number }
  /** The replica is leaving: give the sub-lease back. */
  | { readonly type: 'leaving' };

/** What an SDK holder sends to its replica. */
export type UpMessage =
  | { readonly type: 'renew'; readonly request: number }
  | { readonly type: 'fetch'; readonly subject: Subject }
  /** Every event up to this position is applied here. */
  | { readonly type: 'acknowledge'; readonly position: number }
  /** The sub-lease is no longer used. */
  | { readonly type: 'release' };
