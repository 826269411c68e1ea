import { type Ablations, NOTHING_ABLATED } from './ablations';
import { BarrierWait } from './barrier-wait';
import { type EpochOperation } from './epoch-operations';
import { type Authenticator, isGenuine, sign, type SignedBroadcast } from './messages';
import { nameOfChange } from './naming';
import { type Parameters, patience } from './parameters';
import { type Announcement, type ChangeEvent, type Clock, type EpochDocument, isBehind, type Watermark } from './types';

export type BarrierEffect<T> =
  /** Execute; then call `answered` or `failed` with the ticket. */
  | { readonly kind: 'store'; readonly ticket: number; readonly operation: EpochOperation }
  /** Read the epoch document linearizably, so as it is now or later; then call `answered` or `failed` with the ticket. */
  | { readonly kind: 'list'; readonly ticket: number }
  /** Read the epoch document (majority), and call `read` with it. */
  | { readonly kind: 'read' }
  | { readonly kind: 'broadcast'; readonly message: SignedBroadcast }
  /** Keep where the next start of this process finds it. */
  | { readonly kind: 'remember'; readonly watermark: Watermark }
  /** The bump's write has returned: the mutation's promise to bump (its outbox entry) is kept and may be removed. */
  | { readonly kind: 'bumped'; readonly mutation: T }
  /** Every replica and holder has forgotten: the mutation may answer. */
  | { readonly kind: 'passed'; readonly mutation: T };

export interface BarrierOptions {
  /** A new random name at every start: what it calls its changes must be the name of no other, ever. */
  readonly writer: string;
  readonly parameters: Parameters;
  readonly authenticator: Authenticator;
  /** The highest mark that Redis or the data folder remembers: a document behind it is never bumped. */
  readonly remembered?: Watermark;
  /** Only the simulator passes this. */
  readonly ablations?: Ablations;
}

interface Pending<T> {
  readonly mutation: T;
  /** As they are stored, so without deltas. */
  readonly changes: readonly Announcement[];
  /** As replicas of the generation that they were made in are told. */
  readonly withDeltas: readonly Announcement[];
  readonly madeIn: string | undefined;
  readonly wait: BarrierWait;
  readonly submittedMono: number;
  /** The generation whose replicas have been told over Redis. */
  toldGeneration: string | undefined;
}

/** A writer with nothing to wait for reads the document once in so many poll intervals. */
const IDLE_POLLS = 5;
/** The ring keeps at least so many changes, if it may: every bump and every poll rewrites it. */
const KEPT = 128;
/** What has passed already is bumped with whatever passes in the same so many ms. */
const GATHER_MS = 100;
/** One that waits reads it so often in each. */
const WAITING_READS = 4;

/** What has been asked of the store for some mutations, and not been answered. */
interface Asked<T> {
  readonly ticket: number;
  readonly sent: Clock;
  readonly pending: Pending<T>[];
}

/** As bumps condition: who is listed by a document that is behind is nobody's business. */
interface List<T> extends Asked<T> {
  readonly required: Watermark | undefined;
}

/**
 * The writer's side. Tells replicas of mutations that have committed, reads who is listed, and lets a mutation pass when all of
 * them have said that they have forgotten. The bump follows, shared by what has gathered meanwhile, and sooner where somebody waits
 * for it: it reaches those whom Redis does not, and gives those who say nothing a moment from which on their lease can be waited out.
 */
export class Barrier<T> {
  readonly #options: BarrierOptions;
  readonly #ablations: Ablations;
  /** Committed, and not yet in a bump that has been answered. */
  #queue: Pending<T>[] = [];
  #bump: Asked<T> | undefined;
  /** Committed and told, and not yet in a list that has been asked for. */
  #unlisted: Pending<T>[] = [];
  #list: List<T> | undefined;
  #bumpAgainMono = -Infinity;
  /** Attempts in a row that were not answered in time. */
  #givenUp = 0;
  readonly #waits = new Map<T, BarrierWait>();
  /** Of the newest generation that a document has shown. */
  #key: Pick<EpochDocument, 'generation' | 'macKey'> | undefined;
  #remembered: Watermark | undefined;
  /** How many changes some listed replica had yet to acknowledge when the document was last seen. */
  #behind = 0;
  #lastReadMono = -Infinity;
  #tickets = 0;
  #changes = 0;
  #effects: BarrierEffect<T>[] = [];

  constructor(options: BarrierOptions) {
    this.#options = options;
    this.#ablations = options.ablations ?? NOTHING_ABLATED;
    this.#remembered = options.remembered;
  }

  /**
   * A mutation whose commit has **returned**, or one that is repeated and whose first attempt may have died before its bump.
   * Submitting it again starts it over. A sweeper submits what a crash has left in the outbox, and answers nobody.
   *
   * `madeIn`: the {@link generation} before the change was begun. Deltas are told in that one alone: a database that has been
   * restored since may never have had the version that they make.
   */
  submit(mutation: T, events: readonly ChangeEvent[], clock: Clock, madeIn?: string): BarrierEffect<T>[] {
    if (events.length === 0) throw new Error('a mutation without events is one that nobody hears of');
    this.abandon(mutation);
    const { writer, parameters } = this.#options;
    const withDeltas = events.map((event) => ({ name: nameOfChange(writer, ++this.#changes), event }));
    const changes = withDeltas.map(({ name, event: { kind, id, hashes } }) => ({ name, event: { kind, id, hashes } }));
    const names = changes.map(({ name }) => name);
    const pending: Pending<T> = {
      mutation,
      changes,
      withDeltas,
      madeIn,
      wait: new BarrierWait(names, parameters, this.#ablations),
      submittedMono: clock.mono,
      toldGeneration: undefined,
    };
    this.#waits.set(mutation, pending.wait);
    this.#queue.push(pending);
    // At once: it has committed, so that whoever forgets it now is done with it.
    this.#tell([pending]);
    if (pending.toldGeneration === undefined) this.#sendBump(clock);
    // Whoever makes changes faster than they can be bumped has to wait for the bump.
    else if (this.#queue.length <= this.#options.parameters.ringSize) this.#unlisted.push(pending);
    this.#sendList(clock);
    return this.#drain();
  }

  /** Nobody waits for it any more. If it is in a bump, that goes on; if not, it is left to a sweeper. */
  abandon(mutation: T): void {
    this.#queue = this.#queue.filter((pending) => pending.mutation !== mutation);
    this.#unlisted = this.#unlisted.filter((pending) => pending.mutation !== mutation);
    this.#waits.delete(mutation);
  }

  tick(clock: Clock): BarrierEffect<T>[] {
    if (this.#bump && clock.mono - this.#bump.sent.mono > patience(this.#options.parameters, this.#givenUp)) {
      this.#givenUp += 1;
      this.#giveUpBump();
    }
    if (this.#queue.some((pending) => this.#isDue(pending, clock))) this.#sendBump(clock);
    // What an answer that is late would have let pass passes with its bump.
    if (this.#list && clock.mono - this.#list.sent.mono > patience(this.#options.parameters)) this.#list = undefined;
    this.#sendList(clock);
    this.#release(clock);
    const { pollMs } = this.#options.parameters;
    // Idle, it reads to know how far the epoch has come: a writer that remembers nothing would bump an old backup.
    const interval = this.#waits.size > 0 ? pollMs / WAITING_READS : pollMs * IDLE_POLLS;
    if (clock.mono - this.#lastReadMono >= interval) {
      this.#lastReadMono = clock.mono;
      this.#effects.push({ kind: 'read' });
    }
    return this.#drain();
  }

  /** The answer of a list, or of a bump: the document after it, or undefined while bumps are frozen or the document is behind. */
  answered(ticket: number, document: EpochDocument | undefined, clock: Clock): BarrierEffect<T>[] {
    if (ticket === this.#list?.ticket) return this.#listAnswered(this.#list, document, clock);
    const bump = this.#bump;
    // An answer to an attempt already given up: the next one has begun, and it restarts both the list and the wait.
    if (bump?.ticket !== ticket) return [];
    this.#givenUp = 0;
    if (document) {
      this.#bumped(bump.pending, document, this.#ablations.waitFromSend ? bump.sent : clock);
      this.#release(clock);
    } else {
      this.#giveUpBump();
      this.#bumpAgainMono = clock.mono + this.#options.parameters.pollMs;
    }
    return this.#drain();
  }

  /** The list or the bump failed, or nobody knows. A bump is made anew, with whatever has committed since. */
  failed(ticket: number, clock: Clock): BarrierEffect<T>[] {
    if (ticket === this.#list?.ticket) return this.#listAnswered(this.#list, undefined, clock);
    if (this.#bump?.ticket !== ticket) return [];
    this.#giveUpBump();
    this.#bumpAgainMono = clock.mono + this.#options.parameters.pollMs;
    return this.#drain();
  }

  /** A document read after a bump; an old one is harmless, for acknowledgements only grow. */
  read(document: EpochDocument, clock: Clock): BarrierEffect<T>[] {
    this.#saw(document);
    for (const wait of this.#waits.values()) wait.sawDocument(document);
    this.#release(clock);
    return this.#drain();
  }

  /** A message from Redis, by whomever. */
  heard(message: SignedBroadcast, clock: Clock): BarrierEffect<T>[] {
    const { body } = message;
    if (body.type !== 'applied' || body.writer !== this.#options.writer || this.#waits.size === 0) return [];
    if (body.generation !== this.#key?.generation) return [];
    if (!this.#ablations.forgedAck && !isGenuine(this.#options.authenticator, this.#key.macKey, message)) return [];
    for (const wait of this.#waits.values()) wait.heardApplied(body);
    this.#release(clock);
    return this.#drain();
  }

  /** Whether nobody waits, and nothing is to be bumped. */
  get isIdle(): boolean {
    return this.#waits.size === 0 && this.#queue.length === 0 && !this.#bump;
  }

  /** Of the newest document that was seen here. */
  get generation(): string | undefined {
    return this.#key?.generation;
  }

  /** The most that is known to have been seen of the epoch, here or by somebody else. */
  get remembered(): Watermark | undefined {
    return this.#remembered;
  }

  /** Somebody else has seen so much: a document behind it is not bumped. */
  recall(mark: Watermark): void {
    if (!this.#remembered || isBehind(this.#remembered, mark)) this.#remembered = mark;
  }

  /** A document behind it is neither bumped nor believed to list everybody. */
  get #required(): Watermark | undefined {
    return this.#ablations.trustOldBackup ? undefined : this.#remembered;
  }

  /** Somebody waits for its bump, or it has been gathered for long enough. */
  #isDue({ mutation, wait, submittedMono }: Pending<T>, clock: Clock): boolean {
    return this.#waits.get(mutation) === wait || clock.mono - submittedMono >= GATHER_MS;
  }

  #sendBump(clock: Clock): void {
    if (this.#bump || this.#queue.length === 0 || clock.mono < this.#bumpAgainMono) return;
    const pending = this.#queue;
    this.#queue = [];
    const ticket = ++this.#tickets;
    this.#bump = { ticket, sent: clock, pending };
    const events = pending.flatMap(({ changes }) => changes);
    // What all have acknowledged nobody reads again. One that needs more after all finds a gap, and forgets everything.
    const ringSize = Math.min(this.#options.parameters.ringSize, this.#behind + KEPT);
    const operation = { op: 'bump' as const, events, ringSize, remembered: this.#required };
    this.#effects.push({ kind: 'store', ticket, operation });
  }

  #sendList(clock: Clock): void {
    // One that is under way may have been read before these have committed: who has joined since is not in it.
    if (this.#list && this.#ablations.listBeforeCommit) this.#list.pending.push(...this.#unlisted.splice(0));
    if (this.#list || this.#unlisted.length === 0) return;
    const pending = this.#unlisted;
    this.#unlisted = [];
    const ticket = ++this.#tickets;
    this.#list = { ticket, sent: clock, pending, required: this.#required };
    this.#effects.push({ kind: 'list', ticket });
  }

  #listAnswered({ pending, required }: List<T>, document: EpochDocument | undefined, clock: Clock): BarrierEffect<T>[] {
    this.#list = undefined;
    // Frozen, it lists nobody though leases of another generation may be in use.
    if (document && !isBehind(document, required) && (!document.frozen || this.#ablations.frozenList)) {
      this.#saw(document);
      for (const { wait } of pending) wait.asked(document, clock);
    }
    this.#release(clock);
    this.#sendList(clock);
    return this.#drain();
  }

  #giveUpBump(): void {
    this.#queue = [...(this.#bump?.pending ?? []), ...this.#queue];
    this.#bump = undefined;
  }

  #bumped(pending: readonly Pending<T>[], document: EpochDocument, received: Clock): void {
    this.#bump = undefined;
    this.#saw(document);
    let last = document.seq - pending.reduce((sum, { changes }) => sum + changes.length, 0);
    for (const { mutation, changes, wait } of pending) {
      last += changes.length;
      wait.bumped(document, last, received);
      this.#effects.push({ kind: 'bumped', mutation });
    }
    // Only those of whom nobody was told: the key was not known yet, or that of another generation.
    this.#tell(pending);
  }

  /** Tells replicas over Redis, under the newest key that is known. */
  #tell(pending: readonly Pending<T>[]): void {
    if (!this.#key) return;
    const { generation, macKey } = this.#key;
    const untold = pending.filter(({ toldGeneration }) => toldGeneration !== generation);
    if (untold.length === 0) return;
    for (const each of untold) each.toldGeneration = generation;
    const { deltaOutlivesRestore } = this.#ablations;
    const events = untold.flatMap(({ madeIn, withDeltas, changes }) =>
      madeIn === generation || deltaOutlivesRestore ? withDeltas : changes,
    );
    const body = { type: 'events' as const, generation, events };
    this.#effects.push({ kind: 'broadcast', message: sign(this.#options.authenticator, macKey, body) });
  }

  #release(clock: Clock): void {
    for (const [mutation, wait] of this.#waits) {
      if (!wait.isOver(clock)) continue;
      this.#waits.delete(mutation);
      this.#effects.push({ kind: 'passed', mutation });
    }
  }

  #saw(document: EpochDocument): void {
    const acks = Object.values(document.replicas).map(({ ack }) => ack);
    this.#behind = document.seq - Math.min(document.seq, ...acks);
    // The key of an older generation would no longer be believed; that of this one may be new to us though the mark is not.
    if (!this.#key || document.generation >= this.#key.generation) {
      const { generation, macKey } = document;
      this.#key = { generation, macKey };
    }
    if (this.#remembered && !isBehind(this.#remembered, document)) return;
    this.#remembered = { generation: document.generation, seq: document.seq };
    this.#effects.push({ kind: 'remember', watermark: this.#remembered });
  }

  #drain(): BarrierEffect<T>[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}
