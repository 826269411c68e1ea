import { type Clock } from '../src/protocol';
import { type Timeline } from './timeline';

/** A machine with one process: its clocks run at their own rate, it may sleep, and it may crash and start again. */
export class Machine {
  readonly name: string;
  readonly #timeline: Timeline;
  /** True milliseconds to milliseconds on both clocks. */
  readonly #rate: number;
  #wallOffset: number;
  #stoodStill = 0;
  #asleepUntil = 0;
  /** Counts the lives of the process: what was meant for a former one doesn't arrive. */
  life = 1;
  alive = true;

  constructor(name: string, timeline: Timeline, rate: number, wallOffset: number) {
    this.name = name;
    this.#timeline = timeline;
    this.#rate = rate;
    this.#wallOffset = wallOffset;
  }

  clock(): Clock {
    const { now } = this.#timeline;
    return { mono: (now - this.#stoodStill) * this.#rate, wall: now * this.#rate + this.#wallOffset };
  }

  /** Runs in this life of the process, when the machine is awake. */
  after(delay: number, run: () => void): void {
    const { life } = this;
    const attempt = () => {
      if (!this.alive || this.life !== life) return;
      if (this.#timeline.now < this.#asleepUntil) this.#timeline.at(this.#asleepUntil, attempt);
      else run();
    };
    this.#timeline.after(delay, attempt);
  }

  /** SIGSTOP: the process stands still, its clocks go on. */
  pause(duration: number): void {
    this.#asleepUntil = Math.max(this.#asleepUntil, this.#timeline.now + duration);
    this.#timeline.note(() => `${this.name} is stopped for ${duration.toFixed(0)} ms`);
  }

  /** The machine sleeps: process and monotonic clock stand still, the wall clock goes on. */
  suspend(duration: number): void {
    if (this.#timeline.now < this.#asleepUntil) return;
    this.#asleepUntil = this.#timeline.now + duration;
    this.#stoodStill += duration;
    this.#timeline.note(() => `${this.name} is suspended for ${duration.toFixed(0)} ms`);
  }

  jumpWallClock(by: number): void {
    this.#wallOffset += by;
    this.#timeline.note(() => `the wall clock of ${this.name} jumps by ${by.toFixed(0)} ms`);
  }

  crash(): void {
    this.alive = false;
    this.life++;
    this.#timeline.note(() => `${this.name} crashes`);
  }

  restart(): void {
    this.alive = true;
    this.life++;
    this.#timeline.note(() => `${this.name} starts again`);
  }
}
