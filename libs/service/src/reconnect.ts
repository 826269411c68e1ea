const LONGEST_MS = 2_000;

/** How long to wait before another attempt to reach Redis, ms, after so many have failed: for ever, and ever less often. */
export function reconnectAfterMs(failed: number): number {
  return Math.min(100 * 2 ** Math.min(failed, 10), LONGEST_MS);
}
