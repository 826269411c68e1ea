import { type Ablations } from './ablations';
import { Interest } from './interest';
import { type DownMessage } from './messages';
import { type Parameters } from './parameters';
import { outlasting } from './waiting';
import { type ChangeEvent, type Clock, type Entity, type Subject } from './types';

/** A replica's record of one SDK holder, which is one stream. */
interface Holder {
  readonly client: string;
  open: boolean;
  /** What has gone down the stream. */
  readonly interest: Interest;
  /** The position in the local log of the newest event that concerns it. */
  delivered: number;
  /** Nothing up to here is in its memory still. */
  acknowledged: number;
  /** On the replica's own clock, drift included, the sub-lease is surely over from here on. */
  grantedUntil: number;
}

export type GrantEffect<V> =
  | { readonly kind: 'send'; readonly stream: string; readonly message: DownMessage<V> }
  | { readonly kind: 'end'; readonly stream: string };

/** A holder that lets this many events pile up is cut off rather than kept in memory. */
const MOST_UNACKNOWLEDGED = 1_024;

/** The replica's side of the SDK leases: who holds how much of its lease, and who has yet to acknowledge what. */
export class Grants<V> {
  readonly #parameters: Parameters;
  readonly #ablations: Ablations;
  readonly #holders = new Map<string, Holder>();
  readonly #penalties = new Map<string, number>();

  constructor(parameters: Parameters, ablations: Ablations) {
    this.#parameters = parameters;
    this.#ablations = ablations;
  }

  /** A new stream is a new holder, with empty caches, so it owes nothing for what came before `position`. */
  open(stream: string, client: string, position: number): void {
    const interest = new Interest(this.#ablations);
    this.#holders.set(stream, {
      client,
      open: true,
      interest,
      delivered: position,
      acknowledged: position,
      grantedUntil: 0,
    });
  }

  isOpen(stream: string): boolean {
    return this.#holders.get(stream)?.open ?? false;
  }

  /** Sends a fact, or that there is none about the subject. */
  entry(stream: string, subject: Subject, found: Entity<V> | null): GrantEffect<V>[] {
    const holder = this.#holders.get(stream);
    if (!holder?.open) return [];
    if (found) holder.interest.sent(found);
    else holder.interest.sentAbsent(subject);
    const message = { type: 'entries' as const, entities: found ? [found] : [], absent: found ? [] : [subject] };
    return [{ kind: 'send', stream, message }];
  }

  /** The stream is gone. Its holder goes on until its sub-lease is over. */
  closed(stream: string): void {
    const holder = this.#holders.get(stream);
    if (holder) holder.open = false;
  }

  /** Tells holders to forget what they were sent; without an event, everything. */
  deliver(position: number, event: ChangeEvent | undefined): GrantEffect<V>[] {
    const effects: GrantEffect<V>[] = [];
    for (const [stream, holder] of this.#holders) {
      if (event && !holder.interest.covers(event)) continue;
      if (!event) holder.interest.clear();
      // It owes nothing yet, so that what it was not told of in between it has no part in.
      if (holder.acknowledged === holder.delivered) holder.acknowledged = position - 1;
      // What a closed stream can no longer be told is owed all the same while its sub-lease lasts.
      holder.delivered = position;
      if (!holder.open) continue;
      if (position - holder.acknowledged > MOST_UNACKNOWLEDGED) effects.push(this.#end(stream, holder));
      else effects.push({ kind: 'send', stream, message: { type: 'event', position, event } });
    }
    return effects;
  }

  /** A sub-lease of at most `remainingMs`, or a refusal. */
  renew(
    stream: string,
    request: number,
    remainingMs: number,
    databaseTime: number | undefined,
    clock: Clock,
  ): GrantEffect<V>[] {
    const holder = this.#holders.get(stream);
    if (!holder?.open) return [];
    const owes = holder.acknowledged < holder.delivered;
    const punished = (this.#penalties.get(holder.client) ?? -Infinity) > clock.mono;
    if (remainingMs <= 0 || owes || punished || databaseTime === undefined) {
      return [{ kind: 'send', stream, message: { type: 'refused', request } }];
    }
    const durationMs = this.#ablations.subLeaseUncapped ? this.#parameters.leaseMs : remainingMs;
    const until = clock.mono + outlasting(durationMs, this.#parameters, this.#ablations);
    holder.grantedUntil = Math.max(holder.grantedUntil, until);
    return [{ kind: 'send', stream, message: { type: 'lease', request, durationMs, databaseTime } }];
  }

  acknowledge(stream: string, position: number): void {
    const holder = this.#holders.get(stream);
    if (holder) holder.acknowledged = Math.max(holder.acknowledged, Math.min(position, holder.delivered));
  }

  release(stream: string): void {
    const holder = this.#holders.get(stream);
    if (holder) holder.grantedUntil = 0;
  }

  /** Notices who let a grant run out, and forgets who is over. */
  tick(clock: Clock): void {
    for (const [client, until] of this.#penalties) if (until <= clock.mono) this.#penalties.delete(client);
    for (const [stream, holder] of this.#holders) {
      if (holder.grantedUntil > clock.mono) continue;
      if (holder.grantedUntil > 0 && holder.acknowledged < holder.delivered) {
        this.#penalties.set(holder.client, clock.mono + this.#parameters.penaltyMs);
      }
      holder.grantedUntil = 0;
      if (!holder.open) this.#holders.delete(stream);
    }
  }

  /** Every event up to this position of the local log is applied by every holder that could still use what it evicts. */
  acknowledgedUpTo(clock: Clock): number {
    let position = Infinity;
    if (this.#ablations.ackBeforeHolders) return position;
    for (const holder of this.#holders.values()) {
      if (holder.grantedUntil > clock.mono && holder.acknowledged < holder.delivered) {
        position = Math.min(position, holder.acknowledged);
      }
    }
    return position;
  }

  /** Whether no holder can still be serving. */
  over(clock: Clock): boolean {
    return [...this.#holders.values()].every(({ grantedUntil }) => grantedUntil <= clock.mono);
  }

  /** Asks every holder to give its sub-lease back. */
  recall(): GrantEffect<V>[] {
    return this.#openStreams().map(([stream]) => ({ kind: 'send', stream, message: { type: 'leaving' } }));
  }

  /** Ends every stream; the grants are still honoured. */
  endAll(): GrantEffect<V>[] {
    return this.#openStreams().map(([stream, holder]) => this.#end(stream, holder));
  }

  #openStreams(): [string, Holder][] {
    return [...this.#holders].filter(([, holder]) => holder.open);
  }

  #end(stream: string, holder: Holder): GrantEffect<V> {
    holder.open = false;
    return { kind: 'end', stream };
  }
}
