import { type Logger } from '@latchkey/service';
import { settledWithin } from '../bounded';
import { isBehind, type Watermark } from '../protocol';
import { higher, type MarkPlace } from './mark-place';

/** A place is written at most so often, ms: a start may know that much less. */
const KEEP_EVERY_MS = 1_000;
/** And once in so long without news: a place may have lost what it was given. */
const KEEP_AGAIN_MS = 30_000;
/** For one place to answer, at the start and at the end, ms. Neither waits for one that is away. */
const PLACE_LIMIT_MS = 2_000;

interface Kept {
  readonly place: MarkPlace;
  mark?: Watermark;
  atMono: number;
  busy: boolean;
  failing: boolean;
}

/** How far the epoch had come when anybody last saw it, as far as this process knows; kept where its next start finds it. */
export class Remembered {
  readonly #log: Logger;
  readonly #kept: readonly Kept[];
  readonly #listeners: ((mark: Watermark) => void)[] = [];
  #mark: Watermark | undefined;
  #timer: NodeJS.Timeout | undefined;

  private constructor(places: readonly MarkPlace[], log: Logger) {
    this.#log = log;
    this.#kept = places.map((place) => ({ place, atMono: -Infinity, busy: false, failing: false }));
  }

  /** Begins with the highest mark of all places that answer in time. */
  static async open(places: readonly MarkPlace[], log: Logger): Promise<Remembered> {
    const remembered = new Remembered(places, log);
    await Promise.all(
      places.map(async (place) => {
        try {
          const read = await settledWithin(place.read(), PLACE_LIMIT_MS);
          if (read === undefined) throw new Error(`no answer within ${PLACE_LIMIT_MS} ms`);
          remembered.#mark = higher(remembered.#mark, read.value);
        } catch (err) {
          log.warn({ err }, `what ${place.name} remembers of the epoch cannot be read; starting with what is known`);
        }
      }),
    );
    remembered.#timer = setInterval(() => remembered.#keepAll(), KEEP_EVERY_MS).unref();
    return remembered;
  }

  get mark(): Watermark | undefined {
    return this.#mark;
  }

  /** What the protocol's `remember` effects say. */
  note(mark: Watermark): void {
    this.#mark = higher(this.#mark, mark);
  }

  /** Is told when a place that could not be asked at the start turns out to remember more. */
  onHigher(listener: (mark: Watermark) => void): void {
    this.#listeners.push(listener);
  }

  /** Keeps the last mark, where that can be done soon. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#kept.map((kept) => settledWithin(this.#keep(kept), PLACE_LIMIT_MS)));
  }

  #keepAll(): void {
    const now = performance.now();
    for (const kept of this.#kept) {
      const news = this.#mark !== undefined && (kept.mark === undefined || isBehind(kept.mark, this.#mark));
      if (news || now - kept.atMono >= KEEP_AGAIN_MS) void this.#keep(kept);
    }
  }

  /** Never rejects. */
  async #keep(kept: Kept): Promise<void> {
    const mark = this.#mark;
    if (kept.busy || mark === undefined) return;
    kept.busy = true;
    const { place } = kept;
    try {
      const found = await place.keep(mark);
      Object.assign(kept, { mark: found ?? mark, atMono: performance.now(), failing: false });
      if (found !== undefined && isBehind(mark, found)) this.#learn(found);
    } catch (err) {
      if (!kept.failing)
        this.#log.warn({ err }, `how far the epoch has come cannot be kept in ${place.name}; trying on`);
      kept.failing = true;
    } finally {
      kept.busy = false;
    }
  }

  #learn(mark: Watermark): void {
    this.note(mark);
    for (const listener of this.#listeners) listener(mark);
  }
}
