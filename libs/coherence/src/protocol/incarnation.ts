import { keepNewest } from './keep-newest';
import { writerOf } from './naming';
import { type Clock, type EpochDocument, type Watermark } from './types';

/** A poll on its way: what the replica knew when it sent it. */
interface SentPoll {
  readonly sent: Clock;
  /** At least what this replica had applied. */
  readonly remembered: Watermark | undefined;
}

/** Polls that are still waited for. An older one is given up: its answer would extend no lease. */
const MOST_PENDING = 8;

/** One life of a replica under one id, from the answer of its join until no poll of it matches any more. */
export class Incarnation {
  readonly id: string;
  readonly generation: string;
  readonly macKey: string;
  /** Every event up to here has been applied because a poll's or the join's answer said so. */
  applied: number;
  /** The prefix that the holders have acknowledged too: what the next poll says. */
  ack: number;
  /** The highest count of polls that an answer has shown. */
  confirmed = 0;
  /** Prefixes applied, with their places in the local log, that holders have not all acknowledged. */
  readonly marks: { readonly seq: number; readonly position: number }[] = [];
  /** Changes that were applied, by name, with their places in the local log. */
  readonly #places = new Map<string, number>();
  /** Those of them to be acknowledged over Redis once the holders have: name → place in the local log. */
  readonly #unannounced = new Map<string, number>();
  readonly #ringSize: number;
  readonly pending = new Map<number, SentPoll>();
  /** When the last poll that was due by the interval was sent. */
  lastPollMono = -Infinity;
  /** Somebody may be waiting for the document to say that this prefix is acknowledged: Redis has not brought all of it. */
  #awaited = 0;
  /** The prefix that the document has been told. */
  #told = 0;

  /** `ringSize`: of so many changes the names are kept. One that is older is applied anew if it turns up again. */
  constructor(id: string, document: EpochDocument, ringSize: number) {
    this.id = id;
    this.generation = document.generation;
    this.macKey = document.macKey;
    this.applied = document.seq;
    this.ack = document.seq;
    this.#ringSize = ringSize;
  }

  get watermark(): Watermark {
    return { generation: this.generation, seq: this.applied };
  }

  /** Whether a poll should say at once, and not only when the next is due, what is acknowledged. */
  get owesAcknowledgement(): boolean {
    return this.#awaited > this.#told && this.ack >= this.#awaited;
  }

  sentPoll(ticket: number, clock: Clock, remembered: Watermark | undefined, due: boolean): void {
    if (due) this.lastPollMono = clock.mono;
    this.#told = this.ack;
    this.pending.set(ticket, { sent: clock, remembered });
    keepNewest(this.pending, MOST_PENDING);
  }

  /** Where in the local log the change of this name was applied, if it was. */
  placeOf(name: string): number | undefined {
    return this.#places.get(name);
  }

  appliedAt(name: string, position: number): void {
    this.#places.set(name, position);
    keepNewest(this.#places, this.#ringSize);
  }

  /** The document has shown everything up to `seq`; `news`: some of it had not been heard of before. */
  appliedUpTo(seq: number, position: number, news: boolean): void {
    this.applied = seq;
    this.marks.push({ seq, position });
    if (news) this.#awaited = seq;
  }

  /** Redis has brought the change of this name, so that it is there that an acknowledgement is waited for. */
  heard(name: string, position: number): void {
    this.#unannounced.set(name, position);
    keepNewest(this.#unannounced, this.#ringSize);
  }

  /** The holders have acknowledged the local log up to `position`. Returns the names that each writer may be told. */
  acknowledgedUpTo(position: number): ReadonlyMap<string, readonly string[]> {
    while (this.marks[0] && this.marks[0].position <= position) {
      this.ack = this.marks[0].seq;
      this.marks.shift();
    }
    const names = new Map<string, string[]>();
    for (const [name, place] of this.#unannounced) {
      if (place > position) continue;
      this.#unannounced.delete(name);
      const writer = writerOf(name);
      names.set(writer, [...(names.get(writer) ?? []), name]);
    }
    return names;
  }
}
