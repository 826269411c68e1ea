import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LatchkeyClient } from '@latchkey/client';
import { keyV1 } from '@latchkey/proto';
import { openClient, type Promised } from '@latchkey/testing';
import { type Bench } from '../bench';
import { CALLERS, framed, LoadConnection } from '../load/connection';
import { canPin, GENERATOR_CORE, type Measured, SERVER_CORE } from '../process';
import { type LoadResult } from '../programs/generate';
import { type Row } from '../row';
import { startGenerator } from '../servers';
import { shown, type Spread, spreadOf } from '../statistics';
import { connectSdk, cpuMicrosOf, type KeyHolder, newHolder, READY_MS, startWorld, type World } from '../suite';
import { ASKED, type Switch, SWITCHES } from '../switches';

const REACH = 1.1;
const MUTATIONS_PER_SECOND = 50;
/** A lane begins each mutation on time, unless it is not through with the one before. */
const ENOUGH_PER_SECOND = 48;
const HOLDERS = 40;
/** Of them, those whom changes concern; the others are what the load asks about. */
const CHANGING = 12;
const ROUNDS = 15;
const CALLS = 30_000;
/** So many that the measured replica has calls left while the generator waits for its turn on the other core. */
const CROWD = 256;
const CROWD_ROUNDS = 7;
const LIMIT_MS = 20_000;
/** The generator of unary checks has its core with the SDK and whoever makes changes, so that more of one is less of the other, ms. */
const SDK_PAUSE_MS = 20;
/** How often it asks about each key between two pauses. */
const SDK_TIMES = 4;

interface Changes {
  begun: number;
  acknowledged: number;
  /** Answers of the SDK under load, and those of them from its memory. */
  sdkAnswers: number;
  sdkFromMemory: number;
  stale: number;
  failed: number;
}

/** Reads beside writes: what revokes must not make what checks slow, nor wrong. */
export const mixed: Row = {
  name: 'mixed',
  about: `${MUTATIONS_PER_SECOND} mutations a second beside a saturating load of checks and an SDK, with two replicas`,
  async run(bench) {
    const world = await startWorld(bench, 2);
    // At another replica than the measured one, so that what that one does is answer checks and hear of changes.
    const sdk = connectSdk(world, world.keyAddresses[1]);
    const over = new AbortController();
    try {
      await sdk.ready(READY_MS);
      const concerned = await connectConcerned(world, sdk);
      const holders: KeyHolder[] = [];
      for (let i = 0; i < HOLDERS; i++) holders.push(await newHolder(world));
      const pid = world.processes.key.pid ?? 0;
      giveCore(world, pid);
      const generator = await generatorFor(bench, world, holders.slice(CHANGING));
      // What else is on its core goes first, so that mutations are made at all.
      spawnSync('renice', ['-n', '10', '-p', String(generator.pid)]);
      await loaded(generator, world, pid, CALLERS);
      const changing: Switch[] = [];
      for (const holder of holders.slice(0, CHANGING)) {
        changing.push(await SWITCHES[changing.length % SWITCHES.length]!(world, holder, concerned.tokens));
      }
      const changes: Changes = { begun: 0, acknowledged: 0, sdkAnswers: 0, sdkFromMemory: 0, stale: 0, failed: 0 };
      const asking = Promise.allSettled([ask(sdk, world, holders.slice(CHANGING), changes, over.signal)]);
      const others = { ...othersIn(world), generator };
      // The same is asked with and without writes, and at the same times.
      const measured = async (writing: boolean, callers: number): Promise<Measurement> => {
        const stop = new AbortController();
        const started = performance.now();
        const before = changes.begun;
        const lanes = change(world, concerned, changing, { writing, changes, signal: stop.signal });
        const cpu = shareOfCore(others);
        const run = await loaded(generator, world, pid, callers);
        const mutations = changes.begun - before;
        const tookMs = performance.now() - started;
        const beside = cpu();
        // Every lane ends as it began, which is no longer beside the load.
        stop.abort();
        await lanes;
        return { ...run, mutations, tookMs, beside };
      };
      const compared = async (rounds: number, callers: number): Promise<Compared> => {
        const pairs: Pair[] = [];
        for (let round = 0; round < rounds; round++) {
          // Each goes first in every other round.
          const writesFirst = round % 2 !== 0;
          const [first, second] = [await measured(writesFirst, callers), await measured(!writesFirst, callers)];
          const [quiet, busy] = writesFirst ? [second, first] : [first, second];
          pairs.push({ quiet, busy });
          bench.log(
            `  round ${round + 1} of ${rounds}, ${callers} callers, µs for each check: ${quiet.micros.toFixed(1)} alone, ${busy.micros.toFixed(1)} beside writes`,
          );
        }
        return comparison(pairs);
      };
      const { ratio, cost, paces, rates, beside } = await compared(ROUNDS, CALLERS);
      const crowd = await compared(CROWD_ROUNDS, CROWD);
      over.abort();
      changes.failed += rejections(await asking);
      concerned.close();
      await bench.end(generator);
      return {
        lines: [
          {
            figure: 'cost of a check beside writes to that without',
            measured: shown(ratio),
            reach: `≤ ${REACH}`,
            good: ratio.median <= REACH,
          },
          {
            figure: 'stale checks',
            measured: `${changes.stale} of ${changes.acknowledged} mutations`,
            reach: '0',
            good: changes.stale === 0,
          },
          {
            figure: 'failed checks and mutations',
            measured: String(changes.failed),
            reach: '0',
            good: changes.failed === 0,
          },
          {
            figure: 'mutations/s',
            measured: shown(paces, 0),
            reach: `≥ ${ENOUGH_PER_SECOND}`,
            good: paces.median >= ENOUGH_PER_SECOND,
          },
          { figure: 'checks/s meanwhile', measured: shown(rates, 0) },
          {
            figure: 'what a replica pays for each mutation',
            measured: `${shown(cost, 1)} ms of CPU; ${MUTATIONS_PER_SECOND} a second: ${((MUTATIONS_PER_SECOND * cost.median) / 10).toFixed(0)} % of a core`,
          },
          {
            figure: `the same with ${CROWD} callers in place of ${CALLERS}`,
            measured: `${shown(crowd.ratio)} at ${shown(crowd.paces, 0)} mutations/s and ${shown(crowd.rates, 0)} checks/s`,
          },
          {
            figure: 'what the other core does beside writes, each of it',
            measured: beside,
          },
          {
            figure: 'answers of an SDK beside both, and from its memory',
            measured: `${changes.sdkAnswers}, ${((changes.sdkFromMemory / changes.sdkAnswers) * 100).toFixed(1)} %`,
          },
        ],
        figures: {
          mixedToQuiet: ratio.median,
          mixedStale: changes.stale,
          mixedFailed: changes.failed,
          mixedMutationsPerSecond: paces.median,
          mixedChecksPerSecond: rates.median,
          mixedToQuietInCrowd: crowd.ratio.median,
        },
      };
    } finally {
      over.abort();
      await sdk.close();
      await world.stop();
    }
  },
};

/** To the measured replica, which all others leave alone: whoever shares a core makes everything on it dearer. */
function giveCore(world: World, pid: number): void {
  if (!canPin()) return;
  const pin = (core: number, each: number): void => {
    spawnSync('taskset', ['-acp', String(core), String(each)]);
  };
  for (const other of Object.values(othersIn(world))) if (other?.pid !== undefined) pin(GENERATOR_CORE, other.pid);
  pin(SERVER_CORE, pid);
}

type Running = { readonly pid?: number | undefined } | undefined;

/** All but the measured replica and the generator, which is where it belongs from its start. */
function othersIn({ processes, database, redis }: World): Readonly<Record<string, Running>> {
  const { key: _measured, ...unmeasured } = processes;
  return { ...unmeasured, database, redis, 'SDK and changes': process };
}

/** From now on to the call of what it returns: what each of them has taken of one core, %. */
function shareOfCore(processes: Readonly<Record<string, Running>>): () => Record<string, number> {
  const cpu = (): [string, number][] =>
    Object.entries(processes).map(([name, each]) => [name, each?.pid === undefined ? 0 : cpuMicrosOf(each.pid)]);
  const [started, before] = [performance.now(), new Map(cpu())];
  return () => {
    const tookMs = performance.now() - started;
    return Object.fromEntries(cpu().map(([name, micros]) => [name, (micros - before.get(name)!) / tookMs / 10]));
  };
}

/** The medians, the largest first. */
function shares(rounds: readonly Record<string, number>[]): string {
  return Object.keys(rounds[0] ?? {})
    .map((name) => [name, spreadOf(rounds.map((round) => round[name]!)).median] as const)
    .filter(([, percent]) => percent >= 1)
    .sort(([, a], [, b]) => b - a)
    .map(([name, percent]) => `${name} ${percent.toFixed(0)} %`)
    .join(', ');
}

async function generatorFor(bench: Bench, world: World, holders: readonly KeyHolder[]): Promise<Measured> {
  const { workspaceId } = world;
  const permissions = [
    ['projects:read', true],
    ['projects:create', false],
  ] as const;
  const questions = holders.flatMap(({ secret }) =>
    permissions.map(([permission, expected]) => ({
      key: secret,
      permission,
      workspaceId,
      organizationId: '',
      expected,
    })),
  );
  return await startGenerator(bench, { questions, tls: world.tls('ops') });
}

interface Loaded {
  readonly micros: number;
  readonly result: LoadResult;
}

interface Measurement extends Loaded {
  /** Begun meanwhile; all of them are acknowledged, or count as failed. */
  readonly mutations: number;
  readonly tookMs: number;
  /** What everybody else has taken of the other core, %. */
  readonly beside: Record<string, number>;
}

/** One after the other. */
interface Pair {
  readonly quiet: Measurement;
  readonly busy: Measurement;
}

interface Compared {
  /** Of what a check costs beside writes, to that without. */
  readonly ratio: Spread;
  /** What the replica pays for a mutation, ms. */
  readonly cost: Spread;
  /** Mutations a second. */
  readonly paces: Spread;
  /** Checks a second meanwhile. */
  readonly rates: Spread;
  /** Who took how much of the other core meanwhile. */
  readonly beside: string;
}

function comparison(pairs: readonly Pair[]): Compared {
  const of = (each: (pair: Pair) => number): Spread => spreadOf(pairs.map(each));
  return {
    ratio: of(({ quiet, busy }) => busy.micros / quiet.micros),
    cost: of(({ quiet, busy }) => ((busy.micros - quiet.micros) * busy.result.answered) / busy.mutations / 1_000),
    paces: of(({ busy }) => (busy.mutations / busy.tookMs) * 1_000),
    rates: of(({ busy }) => busy.result.perSecond),
    beside: shares(pairs.map(({ busy }) => busy.beside)),
  };
}

async function loaded(generator: Measured, world: World, pid: number, callers: number): Promise<Loaded> {
  const port = portOf(world.addresses.key);
  const before = cpuMicrosOf(pid);
  const result = await generator.ask<LoadResult>('run', {
    port,
    calls: CALLS,
    limitMs: LIMIT_MS,
    callers,
    checked: true,
  });
  const micros = (cpuMicrosOf(pid) - before) / result.answered;
  if (result.failed + result.wrong > 0) throw new Error(`${result.failed} checks failed, ${result.wrong} were wrong`);
  return { micros, result };
}

/** The SDK's load: what its memory holds, over and over, between turns of the event loop that everybody else here needs. */
async function ask(
  sdk: LatchkeyClient,
  { workspaceId }: World,
  holders: readonly KeyHolder[],
  changes: Changes,
  signal: AbortSignal,
): Promise<void> {
  const asked = Array.from({ length: SDK_TIMES }, () => holders).flat();
  while (!signal.aborted) {
    for (const { secret } of asked) {
      const { allowed, source } = await sdk.authorize({ key: secret, permission: 'projects:read', workspaceId });
      changes.sdkAnswers += 1;
      if (source === 'memory') changes.sdkFromMemory += 1;
      if (!allowed) changes.failed += 1;
    }
    await sleep(SDK_PAUSE_MS);
  }
}

/** Whom changes of tokens are made at, and who is asked about each change; each is connected once, before anything is measured. */
interface Concerned {
  readonly tokens: Promised<keyV1.PersonalTokenServiceClient>;
  readonly replicas: readonly LoadConnection[];
  readonly sdk: LatchkeyClient;
  close(): void;
}

async function connectConcerned(world: World, sdk: LatchkeyClient): Promise<Concerned> {
  const tls = world.tls('ops');
  // At another replica than the measured one, so that what that one does is answer checks and hear of changes.
  const { calls: tokens, close } = openClient(keyV1.PersonalTokenServiceClient, world.keyAddresses[1] ?? '', tls);
  const replicas = await Promise.all(
    world.keyAddresses.map((address) => LoadConnection.open(portOf(address), tls, AUTHORIZE.path)),
  );
  return {
    tokens,
    replicas,
    sdk,
    close: () => {
      close();
      for (const replica of replicas) replica.close();
    },
  };
}

/**
 * Takes a permission and gives it back, over and over, and asks every replica and the SDK as soon as each change is acknowledged.
 * Without `writing` it only asks.
 */
async function change(
  { workspaceId }: World,
  { replicas, sdk }: Concerned,
  switches: readonly Switch[],
  { writing, changes, signal }: { writing: boolean; changes: Changes; signal: AbortSignal },
): Promise<void> {
  const started = performance.now();
  const lane = async ({ secret, take, give }: Switch, number: number): Promise<void> => {
    // All end as they began, allowed.
    for (let turn = 0; !signal.aborted || turn % 2 !== 0; turn++) {
      // Together at the rate, each lane on its own time.
      const due = started + ((turn * switches.length + number) * 1_000) / MUTATIONS_PER_SECOND;
      await sleep(Math.max(0, due - performance.now()));
      const expected = !writing || turn % 2 !== 0;
      if (writing) {
        changes.begun += 1;
        await (expected ? give() : take());
        changes.acknowledged += 1;
      }
      const question = { key: secret, permission: ASKED, workspaceId };
      const answers = [...replicas.map((replica) => allowedBy(replica, question)), sdk.authorize(question)];
      for (const { allowed } of await Promise.all(answers)) if (allowed !== expected) changes.stale += 1;
    }
  };
  changes.failed += rejections(await Promise.allSettled(switches.map(lane)));
}

const AUTHORIZE = keyV1.AuthorizationServiceService.authorize;

/** As the generator asks: whoever asks shares a core with everything that is to be seen beside it. */
function allowedBy(
  replica: LoadConnection,
  question: { readonly key: string; readonly permission: string; readonly workspaceId: string },
): Promise<keyV1.AuthorizeResponse> {
  return new Promise((resolve, reject) => {
    replica.call(framed(AUTHORIZE.requestSerialize({ organizationId: '', ...question })), (message) => {
      if (message === undefined) reject(new Error('a check was not answered'));
      else resolve(AUTHORIZE.responseDeserialize(message));
    });
  });
}

const portOf = (address: string): number => Number(address.split(':')[1]);

function rejections(ended: readonly PromiseSettledResult<void>[]): number {
  return ended.filter(({ status }) => status === 'rejected').length;
}
