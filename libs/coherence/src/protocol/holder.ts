import { type Ablations, NOTHING_ABLATED } from './ablations';
import { DatabaseTime } from './database-time';
import { type CacheLimits, EntityCache } from './entity-cache';
import { Lease } from './lease';
import { type DownMessage, type UpMessage } from './messages';
import { type Parameters, patience } from './parameters';
import { type Clock, type Subject, subjectName } from './types';

export interface HolderOptions {
  /** Those of the deployment; a sub-lease says its own duration. */
  readonly parameters: Parameters;
  readonly kinds: readonly string[];
  readonly limits: CacheLimits;
  /** Only the simulator passes this. */
  readonly ablations?: Ablations;
}

/** What a holder wants sent on its stream, and whom it wakes up. */
export interface HolderEffects<W> {
  readonly send: readonly UpMessage[];
  /** Those whose entry has come: they start over at the key. */
  readonly resumed: readonly W[];
  /** Those whose stream has gone: nobody will answer them. */
  readonly failed: readonly W[];
}

/**
 * An SDK process that answers from memory under a sub-lease of one replica. Each stream begins with nothing: entries,
 * events and sub-leases come only on it, in order, so what is in the cache is as new as the last event acknowledged.
 */
export class Holder<W, V> {
  readonly cache: EntityCache<V>;
  readonly #parameters: Parameters;
  readonly #lease: Lease;
  readonly #ablations: Ablations;
  readonly #requests = new Map<number, Clock>();
  readonly #waiters = new Map<string, W[]>();
  #time = new DatabaseTime();
  #connected = false;
  #released = false;
  #request = 0;
  #lastRequestMono = -Infinity;

  constructor({ parameters, kinds, limits, ablations }: HolderOptions) {
    this.#parameters = parameters;
    this.#ablations = ablations ?? NOTHING_ABLATED;
    this.cache = new EntityCache(kinds, limits, this.#ablations);
    this.#lease = new Lease(parameters, this.#ablations);
  }

  /** To be asked at every decision, in the turn that decides. */
  mayServe(clock: Clock): boolean {
    return !this.#released && this.#lease.remaining(clock) > 0;
  }

  databaseTime(clock: Clock): number | undefined {
    return this.#ablations.localTime ? clock.wall : this.#time.now(clock);
  }

  /** A new stream stands. Nothing of the former one may be used on it. */
  opened(clock: Clock): HolderEffects<W> {
    if (!this.#ablations.streamKeepsCache) this.cache.flush();
    this.#lease.void();
    this.#requests.clear();
    this.#time = new DatabaseTime();
    this.#connected = true;
    this.#released = false;
    return { send: [this.#renew(clock)], resumed: [], failed: this.#takeWaiters() };
  }

  /** The stream is gone; what is cached may be used until the sub-lease is over, which the replica waits for. */
  closed(): HolderEffects<W> {
    this.#connected = false;
    return { send: [], resumed: [], failed: this.#takeWaiters() };
  }

  /** Gives the sub-lease back, so that no mutation waits for it. Before the stream is closed on purpose. */
  release(): HolderEffects<W> {
    // For good on this stream: a sub-lease that is still on its way must not revive what has been given back.
    this.#released = true;
    this.#lease.void();
    return { send: this.#connected ? [{ type: 'release' }] : [], resumed: [], failed: this.#takeWaiters() };
  }

  /** Renews in time; to be called every few milliseconds. */
  tick(clock: Clock): HolderEffects<W> {
    const remaining = this.#lease.remaining(clock);
    const since = clock.mono - this.#lastRequestMono;
    const due = remaining < this.#parameters.leaseMs - this.#parameters.pollMs && since >= this.#parameters.pollMs;
    const send = this.#connected && !this.#released && due ? [this.#renew(clock)] : [];
    return { send, resumed: [], failed: [] };
  }

  /** Waits for an entry; `undefined` when there is no stream to ask on. */
  fetch(subject: Subject, waiter: W): HolderEffects<W> | undefined {
    if (!this.#connected || this.#released) return undefined;
    const name = subjectName(subject);
    const waiting = this.#waiters.get(name);
    if (waiting) waiting.push(waiter);
    else this.#waiters.set(name, [waiter]);
    return { send: waiting ? [] : [{ type: 'fetch', subject }], resumed: [], failed: [] };
  }

  received(message: DownMessage<V>, clock: Clock): HolderEffects<W> {
    const nothing = { send: [], resumed: [], failed: [] };
    if (!this.#connected) return nothing;
    switch (message.type) {
      case 'event':
        if (message.event) this.cache.evict(message.event);
        else this.cache.flush();
        return { ...nothing, send: [{ type: 'acknowledge', position: message.position }] };
      case 'entries': {
        for (const subject of message.absent) this.cache.putUnknown(subject);
        for (const entity of message.entities) this.cache.put(entity);
        const names = message.absent.map(subjectName);
        for (const { kind, id, hashes } of message.entities) {
          names.push(subjectName({ by: 'id', kind, id }), ...hashes.map((hash) => subjectName({ by: 'hash', hash })));
        }
        return { ...nothing, resumed: this.#takeWaiters(names) };
      }
      case 'lease': {
        const sent = this.#requests.get(message.request);
        this.#requests.delete(message.request);
        if (!sent || this.#released) return nothing;
        this.#time.observe(message.databaseTime, sent);
        this.#lease.grant(this.#ablations.subLeaseFromReceipt ? clock : sent, message.durationMs);
        return nothing;
      }
      case 'unreadable':
        return { ...nothing, failed: this.#takeWaiters([subjectName(message.subject)]) };
      case 'refused':
        this.#requests.delete(message.request);
        return nothing;
      case 'leaving':
        return this.release();
    }
  }

  #renew(clock: Clock): UpMessage {
    this.#lastRequestMono = clock.mono;
    for (const [request, sent] of this.#requests) {
      if (clock.mono - sent.mono > 4 * patience(this.#parameters)) this.#requests.delete(request);
    }
    const request = ++this.#request;
    this.#requests.set(request, clock);
    return { type: 'renew', request };
  }

  #takeWaiters(names: Iterable<string> = [...this.#waiters.keys()]): W[] {
    const taken: W[] = [];
    for (const name of names) {
      taken.push(...(this.#waiters.get(name) ?? []));
      this.#waiters.delete(name);
    }
    return taken;
  }
}
