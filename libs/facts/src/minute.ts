/** Last-used times are told by the minute. */
export const MINUTE_MS = 60_000;

/** The minute of a moment: whole minutes since the epoch. */
export function minuteOf(ms: number): number {
  return Math.floor(ms / MINUTE_MS);
}
