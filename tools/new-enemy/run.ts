import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newTenant, repositoryRoot, startTestSuite, type TestSuite } from '@latchkey/testing';
import { Announcements } from './announcements';
import { during, type FaultName, Faults } from './faults';
import { type RaceRecord } from './history';
import { type Kind, type Subject } from './kind';
import { Lookout } from './lookout';
import { type Pauses, replicaObservers, type SdkObserver, sdkObserver } from './observer';
import { untilDone } from './patience';
import { runRace } from './race';
import { randomOf } from './random';
import { lacksCounts, type Run } from './report';
import { type Judged, Tallies } from './tally';

export interface NewEnemyOptions {
  /** How many mutations are raced, over all kinds and faults; more where a kind has not shown what it has to. */
  readonly races: number;
  /** How many checks of each kind, under each fault, have to be answered from memory, and to be in flight at the bump. */
  readonly leastOfEach: number;
  /** How many checks have to race them: more races are made until then. */
  readonly leastChecks?: number;
  /** No race is begun after this, ms, once each kind has had one under each fault; for as long as it takes if not given. */
  readonly limitMs?: number;
  readonly kinds: readonly Kind[];
  /** What is broken, one after the other. */
  readonly faults: readonly FaultName[];
  readonly seed: number;
  readonly withoutBarrier: boolean;
  /** How many races at a time, each of another kind. */
  readonly lanes: number;
  readonly pauses: Pauses;
  readonly log: (line: string) => void;
}

const REPLICAS = { keyReplicas: 3, roleReplicas: 2 } as const;
const LEASE_MS = 5_000;
/** Short, so that what a fault holds up goes on soon; a quarter of it is what writers wait for a bump, on a busy machine too. */
const LEASE_UNDER_FAULTS_MS = 4_000;
const PROGRESS_MS = 10_000;
/** How many times its share a kind may have to show what it has to: races that miss their fault are quick, and prove nothing of it. */
const MORE = 100;
/** How many lines about faults are told of each service when the suite itself fails. */
const FAULTS_TOLD = 3;

/** Starts a suite of real processes, races mutations against checks, and answers what was seen. */
export async function runNewEnemy(options: NewEnemyOptions): Promise<Run> {
  const suite = await startTestSuite(suiteOptions(options));
  const { log } = options;
  try {
    const run = await new Campaign(suite, options).run();
    if (run.endedBy === undefined) return run;
    for (const { name, logFile } of Object.values(suite.processes))
      for (const line of faultsLoggedIn(logFile)) log(`${name}: ${line}`);
    return run;
  } finally {
    await suite.stop();
  }
}

/** What a service itself calls a fault, the last of it. */
function faultsLoggedIn(logFile: string): string[] {
  const lines = readFileSync(logFile, 'utf8').split('\n');
  return lines.filter((line) => /"level":"(error|fatal)"/.test(line)).slice(-FAULTS_TOLD);
}

const leaseOf = ({ faults }: NewEnemyOptions): number =>
  faults.every((fault) => fault === 'none') ? LEASE_MS : LEASE_UNDER_FAULTS_MS;

function suiteOptions(options: NewEnemyOptions): Parameters<typeof startTestSuite>[0] {
  // What services log of their changes is what tells when they were announced.
  const all = { LATCHKEY_LEASE_MS: String(leaseOf(options)), LATCHKEY_LOG_LEVEL: 'debug' };
  if (!options.withoutBarrier) return { ...REPLICAS, env: { all } };
  const unguarded = (app: string): string => join(repositoryRoot, 'apps', app, 'dist/unguarded-main.js');
  // Over Redis, replicas often hear of a change before its caller does; without it they hear at their next poll.
  const deaf = { REDIS_URL: '' };
  return {
    ...REPLICAS,
    mains: { identity: unguarded('identity'), role: unguarded('role'), key: unguarded('key') },
    env: { all, key: deaf, key2: deaf, key3: deaf },
  };
}

interface Entry {
  readonly kind: Kind;
  readonly prepare: () => Promise<Subject>;
  number: number;
}

/** All races on one suite. */
class Campaign {
  readonly #suite: TestSuite;
  readonly #options: NewEnemyOptions;
  readonly #lookout: Lookout;
  readonly #sdks: readonly SdkObserver[];
  readonly #tallies: Tallies;
  readonly #announcements: Announcements;
  readonly #faults: Faults;
  #races = 0;
  #checks = 0;
  #failed = false;

  constructor(suite: TestSuite, options: NewEnemyOptions) {
    this.#suite = suite;
    this.#options = options;
    const { pauses } = options;
    this.#sdks = suite.keyAddresses.map((address, index) =>
      sdkObserver(`SDK ${index + 1}`, { address, tls: suite.tls('ops') }, pauses.sdkMs),
    );
    this.#lookout = new Lookout([...replicaObservers(suite.api, pauses), ...this.#sdks]);
    this.#tallies = new Tallies(options.kinds.map(({ name }) => name));
    this.#announcements = new Announcements(Object.values(suite.processes).map(({ logFile }) => logFile));
    this.#faults = new Faults(suite, { leaseMs: leaseOf(options), random: randomOf(options.seed) });
  }

  async run(): Promise<Run> {
    const { kinds, faults, withoutBarrier, leastOfEach, races, limitMs = Infinity, log } = this.#options;
    const lanes = await this.#openLanes();
    const begun = performance.now();
    log('racing');
    const progress = setInterval(() => log(`${this.#races} of ${races} races, ${this.#checks} checks`), PROGRESS_MS);
    this.#lookout.start();
    let endedBy: unknown;
    try {
      for (const [index, fault] of faults.entries()) {
        if (this.#failed) break;
        log(`fault: ${fault}`);
        const share = Math.ceil(races / kinds.length / faults.length);
        await this.#phase(fault, lanes, share, begun + (limitMs * (index + 1)) / faults.length);
      }
    } catch (error) {
      // What was seen until then is told all the same.
      endedBy = error;
    } finally {
      clearInterval(progress);
      await this.#lookout.stop();
      await Promise.all(this.#sdks.map((sdk) => sdk.close()));
      this.#faults.close();
      await this.#announcements.close();
    }
    return {
      faults,
      withoutBarrier,
      leastOfEach,
      kinds: kinds.map(({ name }) => name),
      observers: this.#lookout.observers.map(({ name }) => name),
      tallies: this.#tallies,
      broken: this.#faults.history,
      seconds: (performance.now() - begun) / 1_000,
      ...(endedBy !== undefined && { endedBy }),
    };
  }

  /** Each lane has a tenant of its own, and its share of the kinds; a kind's races come one after the other. */
  async #openLanes(): Promise<Entry[][]> {
    const { kinds, lanes } = this.#options;
    const api = this.#suite.apiAs('ops', { takeTurns: true });
    const worker = this.#suite.apiAs('worker', { takeTurns: true });
    const open = async (lane: number): Promise<Entry[]> => {
      const tenant = await untilDone(() => newTenant(api));
      const entries: Entry[] = [];
      for (const [index, kind] of kinds.entries()) {
        if (index % lanes !== lane) continue;
        entries.push({ kind, prepare: await untilDone(() => kind.open({ api, worker, tenant })), number: 0 });
      }
      return entries;
    };
    return await Promise.all(Array.from({ length: lanes }, (_, lane) => open(lane)));
  }

  /** Until every kind has had its share of races and has shown what it has to, or the time is over. */
  async #phase(fault: FaultName, lanes: readonly Entry[][], share: number, end: number): Promise<void> {
    const { seed, leastChecks = 0 } = this.#options;
    await this.#faults.prepare(fault);
    let over = false;
    const breaking = this.#faults.keepBreaking(fault, () => !over);
    const drive = async (lane: readonly Entry[], number: number): Promise<void> => {
      const surroundings = { lookout: this.#lookout, faults: this.#faults, random: randomOf(seed * 1_000 + number) };
      const first = lane.map((entry) => entry.number);
      const due = (entry: Entry, index: number): boolean => {
        const raced = entry.number - (first[index] ?? 0);
        if (raced > 0 && performance.now() >= end) return false;
        if (raced < share) return true;
        return raced < share * MORE && (this.#lacks(entry.kind, fault) || this.#checks < leastChecks);
      };
      while (!this.#failed && lane.some(due)) {
        for (const [index, entry] of lane.entries()) {
          if (this.#failed || !due(entry, index)) continue;
          await this.#judge(await runRace(entry.kind, entry.number++, entry.prepare, surroundings));
        }
      }
    };
    const driven = lanes.map((lane, number) =>
      drive(lane, number).catch((error: unknown) => {
        this.#failed = true;
        throw error;
      }),
    );
    // Whatever ends the faults early ends the races too.
    breaking.catch(() => (this.#failed = true));
    const results = await Promise.allSettled(driven);
    over = true;
    await breaking;
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** A mutation that goes on after its bump may be late enough by chance where nobody waits; races may miss their fault. */
  #lacks({ name }: Kind, fault: FaultName): boolean {
    const { withoutBarrier, leastOfEach } = this.#options;
    if (withoutBarrier) return this.#tallies.of(name).stale === 0;
    return lacksCounts(this.#tallies.of(name, fault), leastOfEach);
  }

  async #judge(race: RaceRecord): Promise<void> {
    this.#races += 1;
    this.#checks += race.checks.length;
    const last = race.checks.reduce((latest, { end }) => Math.max(latest, end), race.acknowledged);
    // Logs are written to the millisecond, rounded down.
    const logged = await this.#announcements.find(race.subject, race.wall, race.wall + (last - race.begun));
    const [met] = during(this.#faults.history, race.begun, race.acknowledged);
    const judged: Judged = {
      race,
      fault: met?.fault ?? 'none',
      faultFrom: met?.from,
      bump: logged === undefined ? undefined : race.begun + (logged - race.wall),
    };
    const found = this.#tallies.add(judged);
    // One is enough to know, and the sooner it ends the less there is to read.
    if (found.length > 0 && !this.#options.withoutBarrier) this.#failed = true;
  }
}
