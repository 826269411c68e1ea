let last = 0;

/**
 * The observer's one clock, ms: monotonic, and strictly later at each reading, so that of any two readings it is certain
 * which came first.
 */
export function now(): number {
  last = Math.max(performance.now(), last + 1e-6);
  return last;
}
