import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock';
import { type CheckRecord } from './history';
import { type Question } from './kind';
import { type Answer, type Observer } from './observer';

/** After a time of asking without an answer, ms: a replica that is gone is not asked in a tight loop. */
const AFTER_SILENCE_MS = 20;
/** While there is nothing to ask about, ms. */
const IDLE_MS = 2;

/** Keeps all observers asking about everything that is watched. */
export class Lookout {
  readonly observers: readonly Observer[];
  readonly #sights = new Set<Sight>();
  #loops: Promise<void>[] = [];
  #over = false;
  #failure: Error | undefined;

  constructor(observers: readonly Observer[]) {
    this.observers = observers;
  }

  start(): void {
    this.#loops = this.observers.map((observer) => this.#keepAsking(observer));
    // Whoever watches hears of it at its next step.
    for (const loop of this.#loops) {
      loop.catch((cause: unknown) => {
        this.#failure ??= cause instanceof Error ? cause : new Error('an observer has failed', { cause });
      });
    }
  }

  /** Resolves when nothing is on its way any more. */
  async stop(): Promise<void> {
    this.#over = true;
    await Promise.allSettled(this.#loops);
  }

  /** @throws whatever has ended an observer */
  watch(questions: readonly Question[]): Sight {
    if (this.#failure !== undefined) throw this.#failure;
    const sight = new Sight(questions, (asked) => {
      if (asked) this.#sights.add(sight);
      else this.#sights.delete(sight);
      if (this.#failure !== undefined) throw this.#failure;
    });
    sight.resume();
    return sight;
  }

  async #keepAsking(observer: Observer): Promise<void> {
    for (let round = 0; !this.#over; round++) {
      if (this.#sights.size === 0) await sleep(IDLE_MS);
      for (const asked of messages([...this.#sights], observer.limit, round)) {
        const open = asked.filter(({ sight }) => this.#sights.has(sight));
        if (open.length === 0) continue;
        const answers = await ask(observer, open);
        const silent = answers.every(({ answer }) => answer === 'NO_ANSWER');
        await sleep(silent ? AFTER_SILENCE_MS : observer.pauseMs);
      }
    }
  }
}

interface Asked {
  readonly sight: Sight;
  readonly question: Question;
}

/** What an observer asks in one round: everything where many fit into a message, else one question about each sight. */
function messages(sights: readonly Sight[], limit: number, round: number): Asked[][] {
  const asked = sights.flatMap((sight): Asked[] => {
    const { questions } = sight;
    const own = limit > 1 ? questions : questions.slice(round % questions.length).slice(0, 1);
    return own.map((question) => ({ sight, question }));
  });
  return Array.from({ length: Math.ceil(asked.length / limit) }, (_, n) => asked.slice(n * limit, (n + 1) * limit));
}

async function ask(observer: Observer, asked: readonly Asked[]): Promise<readonly Answer[]> {
  const sights = new Set(asked.map(({ sight }) => sight));
  for (const sight of sights) sight.sent();
  try {
    const start = now();
    const answers = await observer.ask(asked.map(({ question }) => question));
    const end = now();
    for (const [index, { sight }] of asked.entries()) {
      const answer = answers[index];
      if (answer === undefined) throw new RangeError(`${observer.name} has left a question without an answer`);
      sight.checks.push({ observer: observer.name, start, end, ...answer });
    }
    return answers;
  } finally {
    for (const sight of sights) sight.returned();
  }
}

/** What the observers see of one subject. */
export class Sight {
  readonly checks: CheckRecord[] = [];
  readonly questions: readonly Question[];
  readonly #ask: (asked: boolean) => void;
  #onTheirWay = 0;
  #landed: (() => void) | undefined;

  /** `ask`: whether it is asked about all the time from now on. */
  constructor(questions: readonly Question[], ask: (asked: boolean) => void) {
    this.questions = questions;
    this.#ask = ask;
  }

  /** Nobody asks about it until `resume`. */
  pause(): void {
    this.#ask(false);
  }

  resume(): void {
    this.#ask(true);
  }

  /** Asks now, beside what is asked all the time. */
  async ask(observer: Observer): Promise<readonly Answer[]> {
    const questions = this.questions.slice(0, observer.limit);
    return await ask(
      observer,
      questions.map((question) => ({ sight: this, question })),
    );
  }

  /** Asks no more, and resolves when everything is answered that was asked. */
  async end(): Promise<void> {
    this.pause();
    if (this.#onTheirWay > 0) await new Promise<void>((resolve) => (this.#landed = resolve));
  }

  sent(): void {
    this.#onTheirWay += 1;
  }

  returned(): void {
    this.#onTheirWay -= 1;
    if (this.#onTheirWay === 0) this.#landed?.();
  }
}
