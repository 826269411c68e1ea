import { type Ablations, NOTHING_ABLATED } from './ablations';
import { DatabaseTime } from './database-time';
import { EntityCache } from './entity-cache';
import { EventLog } from './event-log';
import { Fills } from './fills';
import { Grants } from './grants';
import { Incarnation } from './incarnation';
import { type Joining, Joins, type StoreRequest } from './joins';
import { Lease } from './lease';
import { isGenuine, sign, type SignedBroadcast, type UpMessage } from './messages';
import { patience } from './parameters';
import { type ReplicaEffect, type ReplicaOptions, type ReplicaState } from './replica-interface';
import { newsSince } from './ring';
import {
  type Announcement,
  type ChangeEvent,
  type Clock,
  type Entity,
  type EpochDocument,
  isBehind,
  type Subject,
  type Watermark,
} from './types';

/**
 * A replica: joins, polls, applies events, and says at any moment whether answers may be given from memory. Feed it with
 * `tick` every few milliseconds, with answers, messages and what its SDK holders say; do what the effects say, in order.
 * `W` is whatever the caller resumes after a fill, `V` the value of an entity.
 */
export class Replica<W, V> {
  readonly cache: EntityCache<V>;
  readonly fills: Fills<W, V>;
  readonly #log = new EventLog();
  readonly #grants: Grants<V>;
  readonly #lease: Lease;
  readonly #time = new DatabaseTime();
  readonly #options: ReplicaOptions<V>;
  readonly #ablations: Ablations;
  #state: ReplicaState = 'OUTSIDE';
  #incarnation: Incarnation | undefined;
  readonly #joins: Joins;
  #leavingTicket: number | undefined;
  #remembered: Watermark | undefined;
  #tickets = 0;
  #effects: ReplicaEffect<V>[] = [];

  constructor(options: ReplicaOptions<V>) {
    this.#options = options;
    this.#ablations = options.ablations ?? NOTHING_ABLATED;
    this.#remembered = options.remembered;
    this.cache = new EntityCache(options.kinds, options.limits, this.#ablations);
    this.fills = new Fills(this.cache, this.#log, options.parameters, this.#ablations);
    this.#grants = new Grants(options.parameters, this.#ablations);
    this.#joins = new Joins(options.parameters, options.identify);
    this.#lease = new Lease(options.parameters, this.#ablations);
  }

  get state(): ReplicaState {
    return this.#state;
  }

  /** The id other parties know this life by; undefined before the answer of a join. */
  get incarnation(): string | undefined {
    return this.#incarnation?.id;
  }

  /** To be asked at every decision, with a fresh reading of both clocks, in the turn that decides. */
  mayServe(clock: Clock): boolean {
    return (
      (this.#state === 'UP' || this.#ablations.leaveWithoutWaiting === true) &&
      (this.#lease.remaining(clock) > 0 || this.#ablations.noLease === true)
    );
  }

  /** Database time for expiry; undefined before the first answer. */
  databaseTime(clock: Clock): number | undefined {
    return this.#ablations.localTime ? clock.wall : this.#time.now(clock);
  }

  /** Does what is due. */
  tick(clock: Clock): ReplicaEffect<V>[] {
    this.#lease.remaining(clock);
    this.#grants.tick(clock);
    this.#acknowledge(clock);
    if (this.#state === 'OUTSIDE') this.#store(this.#joins.next(clock, this.#remembered, this.#ticketed));
    if (this.#incarnation && this.#state !== 'LEFT') this.#poll(this.#incarnation, clock);
    if (this.#state === 'LEAVING') this.#leaveWhenOver(clock);
    return this.#drain();
  }

  /** The answer of a store operation: the document after it, or undefined where nothing matched. */
  answered(ticket: number, document: EpochDocument | undefined, clock: Clock): ReplicaEffect<V>[] {
    const joining = this.#joins.answered(ticket);
    if (joining) this.#joinAnswered(joining, document, clock);
    else if (ticket === this.#leavingTicket) this.#state = 'LEFT';
    else if (this.#incarnation && this.#state !== 'LEFT')
      this.#pollAnswered(this.#incarnation, ticket, document, clock);
    for (const leave of document ? this.#joins.leftBehind(document, this.#ticketed) : []) this.#store(leave);
    return this.#drain();
  }

  /** The store operation failed, or nobody knows. */
  failed(ticket: number): void {
    this.#joins.failed(ticket);
    if (ticket === this.#leavingTicket) this.#leavingTicket = undefined;
    this.#incarnation?.pending.delete(ticket);
  }

  /** A message from Redis, by whomever. */
  heard(message: SignedBroadcast, clock: Clock): ReplicaEffect<V>[] {
    const { body } = message;
    const incarnation = this.#incarnation;
    if (!incarnation || body.type !== 'events' || body.generation !== incarnation.generation) return [];
    const genuine = isGenuine(this.#options.authenticator, incarnation.macKey, message);
    if (!genuine && !this.#ablations.forgedAck) return [];
    for (const announced of body.events) this.#applyEarly(incarnation, announced);
    this.#acknowledge(clock);
    return this.#drain();
  }

  /** From now on refuses; removes its entry when no holder serves any more either. */
  leave(): ReplicaEffect<V>[] {
    if (this.#state === 'OUTSIDE') {
      this.#joins.abandon();
      this.#state = 'LEFT';
    }
    if (this.#state === 'UP') {
      this.#state = 'LEAVING';
      this.#effects.push(...this.#grants.recall());
    }
    return this.#drain();
  }

  /** Somebody else has seen so much: a document behind it is not believed. */
  recall(mark: Watermark): void {
    if (!this.#remembered || isBehind(this.#remembered, mark)) this.#remembered = mark;
  }

  /** A stream of a new SDK holder; `client` names the one process behind it, also over its next stream. */
  holderOpened(stream: string, client: string): void {
    this.#grants.open(stream, client, this.#log.position);
  }

  holderClosed(stream: string): void {
    this.#grants.closed(stream);
  }

  /** What a holder said. A `fetch` is answered by {@link sendEntry}. */
  holderSaid(stream: string, message: Exclude<UpMessage, { type: 'fetch' }>, clock: Clock): ReplicaEffect<V>[] {
    if (message.type === 'acknowledge') this.#grants.acknowledge(stream, message.position);
    else if (message.type === 'release') this.#grants.release(stream);
    else {
      const remaining = this.mayServe(clock) ? this.#lease.remaining(clock) : 0;
      this.#effects.push(...this.#grants.renew(stream, message.request, remaining, this.databaseTime(clock), clock));
    }
    this.#acknowledge(clock);
    return this.#drain();
  }

  /** Sends a holder what the cache holds about a subject; undefined when that is nothing, and a fill is needed first. */
  sendEntry(stream: string, subject: Subject, clock: Clock): ReplicaEffect<V>[] | undefined {
    if (!this.mayServe(clock)) return this.refuseEntry(stream, subject);
    if (!this.#grants.isOpen(stream)) return [];
    const found = this.cache.find(subject);
    return found === undefined ? undefined : this.#grants.entry(stream, subject, found);
  }

  /** Tells a holder that an entry it waits for can't be had now. */
  refuseEntry(stream: string, subject: Subject): ReplicaEffect<V>[] {
    return this.#grants.isOpen(stream) ? [{ kind: 'send', stream, message: { type: 'unreadable', subject } }] : [];
  }

  #joinAnswered({ id, sent }: Joining, document: EpochDocument | undefined, clock: Clock): void {
    // Behind what was remembered (or absent): not serving until the operator has begun a new generation.
    if (!document) return this.#joins.refused(clock);
    this.#flush(this.#ablations.joinKeepsFills);
    this.#incarnation = new Incarnation(id, document, this.#options.parameters.ringSize);
    this.#state = 'UP';
    this.#time.observe(document.at, sent);
    this.#lease.grant(this.#ablations.leaseFromResponse ? clock : sent, this.#options.parameters.leaseMs);
    this.#remember(this.#incarnation.watermark);
  }

  #poll(incarnation: Incarnation, clock: Clock): void {
    const { pollMs } = this.#options.parameters;
    const since = clock.mono - incarnation.lastPollMono;
    const due = since >= pollMs;
    if (!due && !incarnation.owesAcknowledgement) return;
    if (incarnation.pending.size > 0 && since < patience(this.#options.parameters)) return;
    const ticket = this.#ticketed();
    incarnation.sentPoll(ticket, clock, this.#remembered, due);
    const { generation, id, ack } = incarnation;
    const confirmed = this.#ablations.trustOldBackup ? 0 : incarnation.confirmed;
    const operation = { op: 'poll' as const, generation, incarnation: id, confirmed, ack };
    this.#store({ ticket, operation });
  }

  #pollAnswered(incarnation: Incarnation, ticket: number, document: EpochDocument | undefined, clock: Clock): void {
    const poll = incarnation.pending.get(ticket);
    if (!poll) return;
    incarnation.pending.delete(ticket);
    // Sent when so much was known to exist: less than that is a restored backup, not an old answer.
    const backwards = document && isBehind(document, poll.remembered);
    if (!document || (backwards && !this.#ablations.trustOldBackup)) return this.#void();
    incarnation.confirmed = Math.max(incarnation.confirmed, document.replicas[incarnation.id]?.poll ?? 0);
    this.#time.observe(document.at, poll.sent);
    this.#apply(incarnation, document);
    this.#acknowledge(clock);
    // Only now: whoever sees the lease sees everything that the answer brought.
    this.#lease.grant(this.#ablations.leaseFromResponse ? clock : poll.sent, this.#options.parameters.leaseMs);
  }

  #apply(incarnation: Incarnation, document: EpochDocument): void {
    const news = newsSince(document, incarnation.applied, (kind) => this.cache.knows(kind), this.#ablations);
    if (news.kind === 'nothing') return;
    let unheard = news.kind === 'flush';
    if (news.kind === 'flush') this.#flush(this.#ablations.flushKeepsFills);
    else for (const announced of news.events) if (!this.#applyOnce(incarnation, announced).before) unheard = true;
    incarnation.appliedUpTo(document.seq, this.#log.position, unheard);
    this.#remember(incarnation.watermark);
  }

  #applyEarly(incarnation: Incarnation, announced: Announcement): void {
    // Unknown kinds wait for the poll, which flushes.
    if (!this.cache.knows(announced.event.kind)) return;
    const { position, before } = this.#applyOnce(incarnation, announced);
    incarnation.heard(announced.name, position);
    if (this.#ablations.redisAdvancesApplied && !before) {
      incarnation.appliedUpTo(incarnation.applied + 1, position, false);
    }
  }

  /** Forgets or renews, unless it has `before`: the change was committed by then, so that what was read since knows of it. */
  #applyOnce(incarnation: Incarnation, { name, event }: Announcement): { position: number; before: boolean } {
    const place = incarnation.placeOf(name);
    if (place !== undefined) return { position: place, before: true };
    const position = this.#change(event);
    incarnation.appliedAt(name, position);
    return { position, before: false };
  }

  /** Tells over Redis, and prepares for the next poll, what all holders have acknowledged. */
  #acknowledge(clock: Clock): void {
    const incarnation = this.#incarnation;
    // Goes on after leaving: who serves nothing has forgotten everything, and writers that had it listed needn't wait.
    if (!incarnation) return;
    const namesByWriter = incarnation.acknowledgedUpTo(this.#grants.acknowledgedUpTo(clock));
    const { generation, id, macKey } = incarnation;
    for (const [writer, names] of namesByWriter) {
      const body = { type: 'applied' as const, generation, incarnation: id, writer, names };
      this.#effects.push({ kind: 'broadcast', message: sign(this.#options.authenticator, macKey, body) });
    }
  }

  #change(event: ChangeEvent): number {
    const renewed = this.#renewed(event);
    this.cache.evict(event);
    if (renewed) this.cache.put(renewed);
    // Fills and holders are told the same either way: what they have read or been sent is from before.
    const position = this.#log.append(event);
    if (!renewed || !this.#ablations.renewedUntold) this.#effects.push(...this.#grants.deliver(position, event));
    return position;
  }

  /**
   * What the held entity becomes, where it is exactly what the change was made of: had anything else happened to it that this replica
   * has acknowledged, it would have been forgotten, or renewed to another version.
   */
  #renewed({ kind, id, delta }: ChangeEvent): Entity<V> | undefined {
    if (!delta) return undefined;
    const held = this.cache.byId(kind, id);
    if (!held || (held.version !== delta.version - 1 && !this.#ablations.renewsAnyVersion)) return undefined;
    const value = this.#options.renew?.(held, delta.fields);
    if (value === undefined) return undefined;
    return { kind, id, hashes: held.hashes, within: held.within, value, version: delta.version };
  }

  #flush(keepFills: boolean | undefined): void {
    this.cache.flush();
    if (keepFills) return;
    const position = this.#log.append(undefined);
    if (!this.#ablations.flushKeepsHolders) this.#effects.push(...this.#grants.deliver(position, undefined));
  }

  /** This incarnation is over: pruned, restored away or never heard of. */
  #void(): void {
    const incarnation = this.#incarnation;
    this.#lease.void();
    this.#flush(this.#ablations.joinKeepsFills);
    this.#effects.push(...this.#grants.endAll());
    this.#incarnation = undefined;
    this.#state = this.#state === 'LEAVING' ? 'LEFT' : 'OUTSIDE';
    if (incarnation) this.#remember(incarnation.watermark);
  }

  #remember(watermark: Watermark): void {
    if (this.#remembered && !isBehind(this.#remembered, watermark)) return;
    if (this.#ablations.trustOldBackup) return;
    this.#remembered = watermark;
    this.#effects.push({ kind: 'remember', watermark });
  }

  #leaveWhenOver(clock: Clock): void {
    const incarnation = this.#incarnation;
    if (!incarnation || this.#leavingTicket !== undefined) return;
    if (!this.#grants.over(clock) && !this.#ablations.leaveWithoutWaiting) return;
    this.#leavingTicket = this.#ticketed();
    const operation = { op: 'leave' as const, generation: incarnation.generation, incarnation: incarnation.id };
    this.#store({ ticket: this.#leavingTicket, operation });
  }

  readonly #ticketed = (): number => ++this.#tickets;

  #store(request: StoreRequest | undefined): void {
    if (request) this.#effects.push({ kind: 'store', ...request });
  }

  #drain(): ReplicaEffect<V>[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
