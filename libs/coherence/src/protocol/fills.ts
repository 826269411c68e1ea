import { type Ablations } from './ablations';
import { type EntityCache } from './entity-cache';
import { type EventLog } from './event-log';
import { fillDeadline, type Parameters } from './parameters';
import { type Clock, type Entity, hashName, nameOf, type Subject, subjectName } from './types';

/** What the facts said, read linearizably after the fill had begun. */
export interface FillResult<V> {
  readonly entities: readonly Entity<V>[];
  readonly absent: readonly Subject[];
}

/** How a fill ended for those who waited for it; `waiters` then start over, or give up when it `failed`. */
export interface FillEnd<W, V> {
  readonly outcome: 'stored' | 'dropped' | 'failed';
  readonly waiters: readonly W[];
  readonly result?: FillResult<V>;
}

interface Fill<W> {
  readonly subject: Subject;
  /** The local event log's position before the first read. */
  readonly position: number;
  readonly startedMono: number;
  readonly waiters: W[];
}

/** Reads of facts under way, one per subject, shared by all that need it. `W` is whatever the caller resumes. */
export class Fills<W, V> {
  readonly #cache: EntityCache<V>;
  readonly #log: EventLog;
  readonly #parameters: Parameters;
  readonly #ablations: Ablations;
  readonly #byTicket = new Map<number, Fill<W>>();
  readonly #bySubject = new Map<string, number>();
  #tickets = 0;

  constructor(cache: EntityCache<V>, log: EventLog, parameters: Parameters, ablations: Ablations) {
    this.#cache = cache;
    this.#log = log;
    this.#parameters = parameters;
    this.#ablations = ablations;
  }

  /** Whether its facts are being read at this moment: another that waits for them causes no read. */
  isUnderWay(subject: Subject): boolean {
    return this.#bySubject.has(subjectName(subject));
  }

  /** Waits for the subject. Whoever gets a `ticket` has to read the facts and call {@link end} with it. */
  await(subject: Subject, waiter: W, clock: Clock): { readonly ticket?: number } {
    const name = subjectName(subject);
    const running = this.#bySubject.get(name);
    if (running !== undefined) {
      this.#byTicket.get(running)?.waiters.push(waiter);
      return {};
    }
    const ticket = ++this.#tickets;
    const fill = { subject, position: this.#log.position, startedMono: clock.mono, waiters: [waiter] };
    this.#byTicket.set(ticket, fill);
    this.#bySubject.set(name, ticket);
    return { ticket };
  }

  /** The facts have answered; without a result, they could not be read. */
  end(ticket: number, result: FillResult<V> | undefined, clock: Clock): FillEnd<W, V> {
    const fill = this.#byTicket.get(ticket);
    if (!fill) return { outcome: 'dropped', waiters: [] };
    this.#forget(ticket, fill);
    const { waiters } = fill;
    if (!result) return { outcome: 'failed', waiters };
    const late = clock.mono - fill.startedMono > fillDeadline(this.#parameters);
    if (late || this.#disturbed(fill, result)) return { outcome: 'dropped', waiters, result };
    for (const subject of result.absent) this.#cache.putUnknown(subject);
    for (const entity of result.entities) this.#cache.put(entity);
    return { outcome: 'stored', waiters, result };
  }

  /** Gives up the fills whose deadline has passed; their waiters fail, a late result finds nobody. */
  expire(clock: Clock): FillEnd<W, V>[] {
    const ended: FillEnd<W, V>[] = [];
    for (const [ticket, fill] of this.#byTicket) {
      // Tickets begin in order of time: the first that is young enough ends the search.
      if (clock.mono - fill.startedMono <= fillDeadline(this.#parameters)) break;
      this.#forget(ticket, fill);
      ended.push({ outcome: 'failed', waiters: fill.waiters });
    }
    return ended;
  }

  #disturbed(fill: Fill<W>, result: FillResult<V>): boolean {
    if (this.#ablations.noFillGuard) return false;
    const names = new Set([subjectName(fill.subject), ...result.absent.map(subjectName)]);
    for (const { kind, id, hashes, within } of result.entities) {
      names.add(nameOf(kind, id));
      for (const hash of hashes) names.add(hashName(hash));
      for (const container of within) names.add(container);
    }
    return this.#log.disturbed(fill.position, names, !this.#ablations.guardByIdOnly);
  }

  #forget(ticket: number, fill: Fill<W>): void {
    this.#byTicket.delete(ticket);
    this.#bySubject.delete(subjectName(fill.subject));
  }
}
