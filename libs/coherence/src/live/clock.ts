import { type Clock } from '../protocol';

/** Between the readings of the two clocks, ms; far below what makes a machine count as suspended. */
const AT_ONE_MOMENT_MS = 1;

/** Then it is a machine that was suspended, or as good as one. */
const MOST_READINGS = 5;

/** How far the clocks were apart when they were last read at one moment for certain, ms. */
let apart = NaN;

/**
 * This machine's two clocks, read at one moment. A process that lost its core between the one reading and the other has to
 * read again: it would look like a machine that was suspended, and cost a lease.
 */
export function systemClock(): Clock {
  const mono = performance.now();
  const wall = Date.now();
  // On every decision: as far apart as before, they need no third reading to show that nothing came between them.
  return Math.abs(wall - mono - apart) < AT_ONE_MOMENT_MS ? { mono, wall } : readForCertain();
}

function readForCertain(): Clock {
  for (let reading = 1; ; reading++) {
    const mono = performance.now();
    const wall = Date.now();
    if (performance.now() - mono < AT_ONE_MOMENT_MS || reading === MOST_READINGS) {
      apart = wall - mono;
      return { mono, wall };
    }
  }
}
