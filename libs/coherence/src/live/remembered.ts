import { type Logger } from '@latchkey/service';
import { settledWithin } from '../bounded';
import { isBehind, type Watermark } from '../protocol';
import { higher, type MarkPlace } from './mark-place';

/** How often each place is looked at, and written where it knows less, ms: a start may know that much less. */
const KEEP_EVERY_MS = 1_000;
/** For one place to answer, at the start and at the end, ms. Neither waits for one that is away. */
const PLACE_LIMIT_MS = 2_000;

interface Kept {
  readonly place: MarkPlace;
  /** Settles when what is under way is over; never rejects. */
  underWay?: Promise<void>;
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
    this.#kept = places.map((place) => ({ place, failing: false }));
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
    remembered.#timer = setInterval(() => {
      // One that hangs holds up none but itself.
      for (const kept of remembered.#kept) {
        kept.underWay ??= remembered.#keep(kept).finally(() => (kept.underWay = undefined));
      }
    }, KEEP_EVERY_MS).unref();
    return remembered;
  }

  get mark(): Watermark | undefined {
    return this.#mark;
  }

  /** What the protocol's `remember` effects say, or a place. */
  note(mark: Watermark): void {
    if (this.#mark && !isBehind(this.#mark, mark)) return;
    this.#mark = mark;
    for (const listener of this.#listeners) listener(mark);
  }

  /** Is told of every mark that is higher than those before, whoever has seen it: this process or another. */
  onHigher(listener: (mark: Watermark) => void): void {
    this.#listeners.push(listener);
  }

  /** Keeps the last mark, where that can be done soon. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const last = async (kept: Kept): Promise<void> => {
      await kept.underWay;
      await this.#keep(kept);
    };
    await Promise.all(this.#kept.map((kept) => settledWithin(last(kept), PLACE_LIMIT_MS)));
  }

  /** Never rejects. */
  async #keep(kept: Kept): Promise<void> {
    const mark = this.#mark;
    if (mark === undefined) return;
    const { place } = kept;
    try {
      const found = await place.keep(mark);
      kept.failing = false;
      if (found !== undefined) this.note(found);
    } catch (err) {
      if (!kept.failing)
        this.#log.warn({ err }, `how far the epoch has come cannot be kept in ${place.name}; trying on`);
      kept.failing = true;
    }
  }
}
