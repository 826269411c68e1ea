import { join } from 'node:path';
import { newTenant, repositoryRoot, startTestSuite, type TestSuite } from '@latchkey/testing';
import { toWall } from './clock';
import { readEvidence } from './evidence';
import { type FaultName, type FaultRecord, startFaults } from './faults';
import { type RaceRecord } from './history';
import { type Kind, type Subject } from './kind';
import { untilDone } from './patience';
import { runRace } from './race';
import { randomOf } from './random';
import { type Run } from './report';

export interface NewEnemyOptions {
  /** How many mutations are raced, over all kinds. */
  readonly races: number;
  /** No race is begun after this, ms, once each kind has had one; for as long as it takes if not given. */
  readonly limitMs?: number;
  readonly kinds: readonly Kind[];
  readonly fault: FaultName;
  readonly seed: number;
  readonly withoutBarrier: boolean;
  readonly keyReplicas: 1 | 2 | 3;
  /** How many ask each replica during a race. */
  readonly checkers: number;
  /** How many races at a time, each of another kind. */
  readonly lanes: number;
  readonly log: (line: string) => void;
}

const LEASE_MS = 5_000;
/** Short, so that what a fault holds up goes on soon. */
const LEASE_UNDER_FAULTS_MS = 2_000;
const leaseOf = ({ fault }: NewEnemyOptions): number => (fault === 'none' ? LEASE_MS : LEASE_UNDER_FAULTS_MS);
const PROGRESS_MS = 10_000;

/** Starts a suite of real processes, races mutations against checks, and answers what was seen and what the services logged. */
export async function runNewEnemy(options: NewEnemyOptions): Promise<Run> {
  const { kinds, fault, withoutBarrier, log } = options;
  const suite = await startTestSuite(suiteOptions(options));
  try {
    const { races, faults } = await raceAll(suite, options);
    // Ends the services first: their logs are complete then.
    const { processes } = suite;
    for (const process of Object.values(processes)) await process.stop();
    const decisions = new Set(races.flatMap(({ checks }) => checks.map(({ decisionId }) => decisionId)));
    const logFiles = Object.values(processes).map(({ logFile }) => logFile);
    const evidence = await readEvidence(logFiles, decisions);
    return { fault, withoutBarrier, kinds: kinds.map(({ name }) => name), races, faults, evidence, toWall };
  } catch (error) {
    for (const process of Object.values(suite.processes)) log(`${process.name}: ${process.tail(2)}`);
    throw error;
  } finally {
    await suite.stop();
  }
}

function suiteOptions(options: NewEnemyOptions): Parameters<typeof startTestSuite>[0] {
  const { withoutBarrier, keyReplicas } = options;
  const all = { LATCHKEY_LEASE_MS: String(leaseOf(options)), LATCHKEY_LOG_LEVEL: 'debug' };
  if (!withoutBarrier) return { keyReplicas, env: { all } };
  const unguarded = (app: string): string => join(repositoryRoot, 'apps', app, 'dist/unguarded-main.js');
  // Over Redis, replicas often hear of a change before its caller does; without it they hear at their next poll.
  const deaf = { REDIS_URL: '' };
  return {
    keyReplicas,
    mains: { identity: unguarded('identity'), role: unguarded('role'), key: unguarded('key') },
    env: { all, key: deaf, key2: deaf, key3: deaf },
  };
}

interface Entry {
  readonly kind: Kind;
  readonly prepare: () => Promise<Subject>;
  left: number;
}

/** Each lane has a tenant of its own, and its share of the kinds; a kind's races come one after the other. */
async function openLanes({ api }: TestSuite, { kinds, races, lanes }: NewEnemyOptions): Promise<Entry[][]> {
  const counts = kinds.map((_, index) => Math.floor(races / kinds.length) + (index < races % kinds.length ? 1 : 0));
  const open = async (number: number): Promise<Entry[]> => {
    const tenant = await untilDone(() => newTenant(api));
    const entries: Entry[] = [];
    for (const [index, kind] of kinds.entries()) {
      if (index % lanes !== number) continue;
      entries.push({ kind, prepare: await untilDone(() => kind.open({ api, tenant })), left: counts[index] ?? 0 });
    }
    return entries;
  };
  return await Promise.all(Array.from({ length: lanes }, (_, number) => open(number)));
}

async function raceAll(
  suite: TestSuite,
  options: NewEnemyOptions,
): Promise<{ races: RaceRecord[]; faults: readonly FaultRecord[] }> {
  const { seed, checkers, limitMs = Infinity, log } = options;
  const { authorizationReplicas: replicas } = suite.api;
  const lanes = await openLanes(suite, options);
  log('racing');
  const races: RaceRecord[] = [];
  const end = performance.now() + limitMs;
  let failed = false;
  const drive = async (lane: Entry[], number: number): Promise<void> => {
    const random = randomOf(seed * 1_000 + number);
    const more = (): boolean => !failed && lane.some(({ left }) => left > 0);
    for (let round = 0; more() && (round === 0 || performance.now() < end); round++) {
      for (const entry of lane) {
        if (failed || entry.left === 0) continue;
        entry.left -= 1;
        races.push(await runRace(entry.kind, entry.left, entry.prepare, { replicas, checkers, random }));
      }
    }
  };
  const faults = await startFaults(options.fault, suite, leaseOf(options), randomOf(seed));
  const progress = setInterval(() => log(`${races.length} of ${options.races} races`), PROGRESS_MS);
  const driven = lanes.map((lane, number) =>
    drive(lane, number).catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  try {
    for (const result of await Promise.allSettled(driven)) if (result.status === 'rejected') throw result.reason;
  } finally {
    clearInterval(progress);
    await faults.stop();
  }
  return { races, faults: faults.history };
}
