/** What every party of the protocol is configured with. All durations in milliseconds. */
export interface Parameters {
  /** L: how long a replica may answer from memory after the send of its last confirmed poll. Fixed per incarnation. */
  readonly leaseMs: number;
  /** The interval of a replica's polls, and of a waiting writer's reads. */
  readonly pollMs: number;
  /** ρ: how far the rate of any clock may be from true time, as a fraction. */
  readonly rho: number;
  /** K: how many events the epoch document remembers. */
  readonly ringSize: number;
  /** How often a check starts over before it gives up; each start needs an event that named what it was reading. */
  readonly maxRestarts: number;
  /** How long a holder that let its grant run out instead of acknowledging gets no sub-lease. */
  readonly penaltyMs: number;
}

export const DEFAULTS: Parameters = Object.freeze({
  leaseMs: 5_000,
  pollMs: 200,
  rho: 0.02,
  ringSize: 1_024,
  maxRestarts: 4,
  penaltyMs: 60_000,
});

/** A fill that takes longer than this is dropped: it must be over well within a lease. */
export function fillDeadline(parameters: Parameters): number {
  return parameters.leaseMs / 2 - parameters.pollMs / 4;
}

/** How often patience doubles at most. */
const MOST_DOUBLINGS = 3;

/**
 * After this long without an answer a request is given up and made anew; a late answer is then still harmless. Twice as long after
 * each attempt that was given up before it: a database that has become slow goes on with those, and must get a chance to answer one.
 */
export function patience({ leaseMs }: Parameters, givenUp = 0): number {
  return (leaseMs / 4) * 2 ** Math.min(givenUp, MOST_DOUBLINGS);
}

/** How far the wall clock may run ahead of the monotonic one before a machine counts as having been suspended. */
export function suspendTolerance(parameters: Parameters): number {
  return (parameters.leaseMs * parameters.rho) / 4;
}
