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
  /** Events that came early, over Redis, with their places in the local log; all above `applied`. */
  readonly early = new Map<number, number>();
  /** Prefixes applied, with their places in the local log, that holders have not all acknowledged. */
  readonly marks: { readonly seq: number; readonly position: number }[] = [];
  /** Early events to be acknowledged over Redis once the holders have: number → place in the local log. */
  readonly unannounced = new Map<number, number>();
  readonly pending = new Map<number, SentPoll>();
  lastPollMono = -Infinity;

  constructor(id: string, document: EpochDocument) {
    this.id = id;
    this.generation = document.generation;
    this.macKey = document.macKey;
    this.applied = document.seq;
    this.ack = document.seq;
  }

  get watermark(): Watermark {
    return { generation: this.generation, seq: this.applied };
  }

  sentPoll(ticket: number, clock: Clock, remembered: Watermark | undefined): void {
    this.lastPollMono = clock.mono;
    this.pending.set(ticket, { sent: clock, remembered });
    if (this.pending.size > MOST_PENDING) {
      for (const oldest of this.pending.keys()) {
        this.pending.delete(oldest);
        break;
      }
    }
  }

  appliedUpTo(seq: number, position: number): void {
    this.applied = seq;
    this.marks.push({ seq, position });
    for (const number of this.early.keys()) if (number <= seq) this.early.delete(number);
  }

  /** The holders have acknowledged the local log up to `position`. Returns the early events that may be announced. */
  acknowledgedUpTo(position: number): number[] {
    while (this.marks[0] && this.marks[0].position <= position) {
      this.ack = this.marks[0].seq;
      this.marks.shift();
    }
    const numbers = [...this.unannounced].filter(([, place]) => place <= position).map(([number]) => number);
    for (const number of numbers) this.unannounced.delete(number);
    return numbers;
  }
}
