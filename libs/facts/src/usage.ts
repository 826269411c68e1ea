import { settledWithin } from '@latchkey/coherence/sans-io';
import { MINUTE_MS, minuteOf } from './minute';

/** A key, and the start of the minute in which it was used. */
export type KeyUse = readonly [keyId: string, lastUsedTime: Date];

export interface UsageOptions {
  /** Where the batches go. May fail: what it had is then gathered on. */
  readonly write: (times: readonly KeyUse[]) => Promise<void>;
  readonly log?: { warn(about: object, message: string): void };
  /** How often it is written, ms. */
  readonly everyMs: number;
  /** How many keys are gathered at most; as many are written at once. Default 100,000, some 10 MB. */
  readonly limit?: number;
}

/** For what is left to be written when a process stops, ms. */
const STOP_MS = 5_000;

/**
 * Gathers in memory when keys were last used, by the minute, and writes it in batches: a key in steady use costs one small write a
 * minute and not one a check. What a process has not written when it crashes is lost.
 */
export class Usage {
  readonly #options: UsageOptions & { readonly limit: number };
  /** Minutes since the epoch, by key. */
  #gathered = new Map<string, number>();
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UsageOptions) {
    this.#options = { limit: 100_000, ...options };
  }

  /** How many keys wait to be written. */
  get size(): number {
    return this.#gathered.size;
  }

  start(): void {
    // Keeps no process alive that has nothing else to do.
    this.#timer ??= setInterval(() => void this.flush(), this.#options.everyMs).unref();
  }

  /** Writes what is left, for as long as that is bearable. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const done = await settledWithin(this.#flushAll(), STOP_MS);
    if (!done) this.#options.log?.warn({ keys: this.size }, 'when keys were last used could not be written in time');
  }

  /** The key was used at `nowMs`, database time. Answers whether that will be written. */
  note(keyId: string, nowMs: number): boolean {
    const minute = minuteOf(nowMs);
    const before = this.#gathered.get(keyId);
    if (before !== undefined && before >= minute) return true;
    const { limit } = this.#options;
    // What doesn't fit while the database is slow or away is left out; the next check of that key tries again.
    if (before === undefined && this.#gathered.size >= limit) return false;
    this.#gathered.set(keyId, minute);
    if (before === undefined && this.#gathered.size === limit) void this.flush();
    return true;
  }

  /** Writes what was gathered so far. What cannot be written stays for the next time. Never throws. */
  flush(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #flushAll(): Promise<void> {
    await this.#writing;
    await this.flush();
  }

  async #write(): Promise<void> {
    const { write, log } = this.#options;
    const batch = [...this.#gathered];
    if (batch.length === 0) return;
    this.#gathered = new Map();
    try {
      await write(batch.map(([keyId, minute]) => [keyId, new Date(minute * MINUTE_MS)]));
    } catch (err) {
      log?.warn({ err, keys: batch.length }, 'when keys were last used could not be written; trying again');
      for (const [keyId, minute] of batch) this.note(keyId, minute * MINUTE_MS);
    }
  }
}
