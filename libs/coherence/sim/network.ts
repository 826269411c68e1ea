import { type Machine } from './machine';
import { type Timeline } from './timeline';

/** One message on its way. */
export interface Leg {
  readonly from: string;
  readonly to: string;
  /** What it is about: join, poll, bump, prune, leave, read, facts, commit, events, applied, or a stream message. */
  readonly what: string;
  readonly leg: 'request' | 'answer' | 'message';
}

/** Decides what becomes of a message: milliseconds under way, or lost. */
export interface Weather {
  delay(leg: Leg): number | undefined;
}

export class Network {
  readonly #timeline: Timeline;
  readonly #weather: Weather;

  constructor(timeline: Timeline, weather: Weather) {
    this.#timeline = timeline;
    this.#weather = weather;
  }

  delay(leg: Leg): number | undefined {
    const delay = this.#weather.delay(leg);
    if (delay === undefined) this.#timeline.note(() => `lost: ${leg.what} ${leg.leg} ${leg.from} → ${leg.to}`);
    return delay;
  }

  /**
   * A request to the store. It may execute although its sender has crashed since, and its answer may be lost although it has
   * executed. `onAnswer` gets late answers too; `onSilence` says that there was none after `patience`.
   */
  call<T>(
    caller: Machine,
    what: string,
    execute: () => T,
    onAnswer: (result: T) => void,
    silence?: { readonly patience: number; readonly onSilence: () => void },
  ): void {
    let settled = false;
    if (silence) {
      caller.after(silence.patience, () => {
        if (settled) return;
        settled = true;
        silence.onSilence();
      });
    }
    const to = 'store';
    const there = this.delay({ from: caller.name, to, what, leg: 'request' });
    if (there === undefined) return;
    const { life } = caller;
    this.#timeline.after(there, () => {
      const result = execute();
      const back = this.delay({ from: to, to: caller.name, what, leg: 'answer' });
      if (back === undefined || caller.life !== life) return;
      caller.after(back, () => {
        if (settled && silence) return;
        settled = true;
        onAnswer(result);
      });
    });
  }
}
