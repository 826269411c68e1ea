import { type Authenticator, type CacheLimits, type Parameters } from '../src/protocol';
import { judge, type Answer, type Violation } from './decision';
import { type EpochStore } from './epoch-store';
import { type Network } from './network';
import { type Redis } from './redis';
import { type Switches } from './switches';
import { type Timeline } from './timeline';
import { type World } from './world';

export const LIMITS: CacheLimits = { entitiesPerKind: 3, unknown: 2 };

/** What a run has counted. */
export interface Tally {
  answers: number;
  accepts: number;
  unavailable: number;
  acknowledged: number;
  readonly violations: Violation[];
}

export interface Environment {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly world: World;
  readonly epoch: EpochStore;
  readonly redis: Redis;
  readonly switches: Switches;
  readonly parameters: Parameters;
  /** For how long somebody may answer from what was true, whatever happens. */
  readonly longestLeaseMs: number;
  readonly authenticator: Authenticator;
  readonly limits: CacheLimits;
  readonly tickMs: number;
  /** How old the facts are that a fill reads, milliseconds. */
  readonly factLag: () => number;
  readonly tally: Tally;
}

/** A check at the moment it began: what it must see at least. */
export interface Began {
  readonly where: string;
  readonly since: readonly number[];
  readonly databaseTime: number;
}

export function begin(environment: Environment, where: string): Began {
  return { where, since: [...environment.world.acknowledged], databaseTime: environment.epoch.databaseTime };
}

export function conclude(environment: Environment, began: Began, answer: Answer): void {
  const { tally, world, timeline, parameters, longestLeaseMs } = environment;
  tally.answers++;
  if (answer.allowed) tally.accepts++;
  // Until a restore is over, what was made of a version that it lost can come to be made of a restored one (ADR 0009).
  if (answer.used.some(({ slot, renewed }) => renewed && world.isBeingRestored(slot))) return;
  const slack = longestLeaseMs * parameters.rho * 3;
  const what = judge(world, answer, began.since, began.databaseTime, slack);
  if (what === undefined) return;
  tally.violations.push({ at: timeline.now, where: began.where, what });
  timeline.note(() => `VIOLATION at ${began.where}: ${what}`);
}

/** A stand-in for HMAC: without the key nobody in the simulation makes one. */
export const simulatedAuthenticator: Authenticator = {
  sign: (key, text) => hash(`${key}|${text}`),
  verify: (key, text, mac) => hash(`${key}|${text}`) === mac,
};

function hash(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(16);
}
