import { type Clock } from '../protocol';

/** Between the readings of the two clocks, ms; far below what makes a machine count as suspended. */
const AT_ONE_MOMENT_MS = 1;

/**
 * This machine's two clocks, read at one moment. A process that lost its core between the one reading and the other has to
 * read again: it would look like a machine that was suspended, and cost a lease.
 */
export function systemClock(): Clock {
  for (;;) {
    const mono = performance.now();
    const wall = Date.now();
    if (performance.now() - mono < AT_ONE_MOMENT_MS) return { mono, wall };
  }
}
