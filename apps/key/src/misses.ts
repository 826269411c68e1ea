import { type Subject } from '@latchkey/coherence';
import { type AppError } from '@latchkey/service';
import { tooManyMisses } from './errors';
import { looksUpKey } from './fill';

/** How many reads a caller may cause, of each of the two sorts that {@link Misses} tells apart. */
export interface MissLimits {
  /** In the long run. */
  readonly perSecond: number;
  /** At once, by a caller that was quiet before: a front end that starts with nothing in memory. */
  readonly burst: number;
}

/** What a caller may still cause, as it was at `atMs`. */
interface Allowance {
  reads: number;
  atMs: number;
}

/** Of each sort. Names of callers are in certificates that the operator gave out, so there are few; who is forgotten starts anew. */
const MOST_ALLOWANCES = 1_000;

/**
 * Limits the reads that each caller's checks cause of what memory lacks, so that one who is flooded with invented keys takes neither the
 * database nor the answers of the others. What memory answers, and what somebody else is reading already, costs nothing.
 *
 * Look-ups of keys and all other reads have an allowance each. Anybody can invent keys; the other reads are for the holder of a key that
 * exists or a person who has signed in. So a flood of inventions never keeps those out whose keys are in memory, nor anybody who
 * signs in. That holds for identity and role too, whose guards ask on behalf of all their own callers: no caller is exempt.
 */
export class Misses {
  readonly #limits: MissLimits;
  readonly #now: () => number;
  /** By caller; who has used it longest ago, and so may be full again, comes first. */
  readonly #forKeys = new Map<string, Allowance>();
  readonly #forFacts = new Map<string, Allowance>();

  /** @param now milliseconds, monotonic */
  constructor(limits: MissLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** How many allowances are remembered. */
  get size(): number {
    return this.#forKeys.size + this.#forFacts.size;
  }

  /** Counts one read; the refusal (RESOURCE_EXHAUSTED, TOO_MANY_MISSES) when the caller has none left. */
  admit(caller: string, subject: Subject): AppError | undefined {
    const { perSecond, burst } = this.#limits;
    const allowances = looksUpKey(subject) ? this.#forKeys : this.#forFacts;
    const atMs = this.#now();
    const before = allowances.get(caller) ?? { reads: burst, atMs };
    const reads = Math.min(burst, before.reads + ((atMs - before.atMs) / 1_000) * perSecond);
    allowances.delete(caller);
    allowances.set(caller, { reads: reads < 1 ? reads : reads - 1, atMs });
    const [idlest] = allowances.keys();
    if (idlest !== undefined && allowances.size > MOST_ALLOWANCES) allowances.delete(idlest);
    return reads < 1 ? tooManyMisses() : undefined;
  }
}
