import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LatchkeyClient } from '@latchkey/client';
import { keyV1 } from '@latchkey/proto';
import { openClient } from '@latchkey/testing';
import { type Bench } from '../bench';
import { canPin, GENERATOR_CORE, type Measured, SERVER_CORE } from '../process';
import { type LoadResult } from '../programs/generate';
import { type Row } from '../row';
import { startGenerator } from '../servers';
import { shown, spreadOf } from '../statistics';
import { connectSdk, cpuMicrosOf, type KeyHolder, newHolder, READY_MS, startWorld, type World } from '../suite';

const REACH = 1.1;
const MUTATIONS_PER_SECOND = 50;
/** Lanes begin each mutation on time, and the last of a round are not over with it. */
const ENOUGH_PER_SECOND = 48;
const HOLDERS = 40;
/** Of them, those whose tokens change; the others are what the load asks about. */
const CHANGING = 10;
const ROUNDS = 11;
const CALLS = 30_000;
const LIMIT_MS = 20_000;
/** The generator of unary checks has its core with the SDK and whoever makes changes, so that more of one is less of the other, ms. */
const SDK_PAUSE_MS = 5;

interface Changes {
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
      const holders: KeyHolder[] = [];
      for (let i = 0; i < HOLDERS; i++) holders.push(await newHolder(world));
      const pid = world.processes.key.pid ?? 0;
      giveCore(world, pid);
      const generator = await generatorFor(bench, world, holders.slice(CHANGING));
      // What else is on its core goes first, so that mutations are made at all.
      spawnSync('renice', ['-n', '10', '-p', String(generator.pid)]);
      await loaded(generator, world, pid);
      const [quiet, busy, rates, each]: [number[], number[], number[], number[]] = [[], [], [], []];
      const changing = holders.slice(0, CHANGING);
      const changes: Changes = { acknowledged: 0, sdkAnswers: 0, sdkFromMemory: 0, stale: 0, failed: 0 };
      const asking = Promise.allSettled([ask(sdk, world, holders.slice(CHANGING), changes, over.signal)]);
      const paces: number[] = [];
      const others = { ...othersIn(world), generator };
      const beside: Record<string, number>[] = [];
      // The same is asked with and without writes, and at the same times.
      const measured = async (
        writing: boolean,
      ): Promise<{ micros: number; result: LoadResult; acknowledged: number; tookMs: number }> => {
        const stop = new AbortController();
        const started = performance.now();
        const before = changes.acknowledged;
        const lanes = change(world, sdk, changing, { writing, changes, signal: stop.signal });
        const cpu = shareOfCore(others);
        const run = await loaded(generator, world, pid);
        const acknowledged = changes.acknowledged - before;
        const tookMs = performance.now() - started;
        if (writing) beside.push(cpu());
        // Every lane ends as it began, which is no longer beside the load.
        stop.abort();
        await lanes;
        return { ...run, acknowledged, tookMs };
      };
      for (let round = 0; round < ROUNDS; round++) {
        // Each goes first in every other round.
        const writesFirst = round % 2 !== 0;
        const [first, second] = [await measured(writesFirst), await measured(!writesFirst)];
        const [alone, run] = writesFirst ? [second, first] : [first, second];
        each.push(((run.micros - alone.micros) * run.result.answered) / run.acknowledged);
        quiet.push(alone.micros);
        paces.push((run.acknowledged / run.tookMs) * 1_000);
        busy.push(run.micros);
        rates.push(run.result.perSecond);
        bench.log(
          `  round ${round + 1} of ${ROUNDS}, µs for each check: ${alone.micros.toFixed(1)} alone, ${run.micros.toFixed(1)} beside writes`,
        );
      }
      over.abort();
      changes.failed += rejections(await asking);
      await bench.end(generator);
      const ratio = spreadOf(busy.map((micros, i) => micros / quiet[i]!));
      const perSecond = spreadOf(paces).median;
      const cost = spreadOf(each.map((micros) => micros / 1_000));
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
            measured: shown(spreadOf(paces), 0),
            reach: `≥ ${ENOUGH_PER_SECOND}`,
            good: perSecond >= ENOUGH_PER_SECOND,
          },
          { figure: 'checks/s meanwhile', measured: shown(spreadOf(rates), 0) },
          {
            figure: 'what a replica pays for each mutation, and for reading anew what it changed',
            measured: `${shown(cost, 1)} ms of CPU; ${MUTATIONS_PER_SECOND} a second: ${((MUTATIONS_PER_SECOND * cost.median) / 10).toFixed(0)} % of a core`,
          },
          {
            figure: 'what the other core does beside writes, each of it',
            measured: shares(beside),
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
          mixedMutationsPerSecond: perSecond,
          mixedChecksPerSecond: spreadOf(rates).median,
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

async function loaded(
  generator: Measured,
  world: World,
  pid: number,
): Promise<{ readonly micros: number; readonly result: LoadResult }> {
  const port = Number(world.addresses.key.split(':')[1]);
  const before = cpuMicrosOf(pid);
  const result = await generator.ask<LoadResult>('run', { port, calls: CALLS, limitMs: LIMIT_MS, checked: true });
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
  while (!signal.aborted) {
    for (const { secret } of holders) {
      const { allowed, source } = await sdk.authorize({ key: secret, permission: 'projects:read', workspaceId });
      changes.sdkAnswers += 1;
      if (source === 'memory') changes.sdkFromMemory += 1;
      if (!allowed) changes.failed += 1;
    }
    await sleep(SDK_PAUSE_MS);
  }
}

/**
 * Disables a token and enables it again, over and over, and asks every replica as soon as each change is acknowledged. Without
 * `writing` it only asks.
 */
async function change(
  world: World,
  sdk: LatchkeyClient,
  holders: readonly KeyHolder[],
  { writing, changes, signal }: { writing: boolean; changes: Changes; signal: AbortSignal },
): Promise<void> {
  const { api, organizationId, workspaceId } = world;
  // Made at another replica than the measured one, so that what that one does is answer checks and hear of changes.
  const { calls: tokens, close } = openClient(
    keyV1.PersonalTokenServiceClient,
    world.keyAddresses[1] ?? '',
    world.tls('ops'),
  );
  const started = performance.now();
  const lane = async ({ tokenId, secret, as }: KeyHolder, number: number): Promise<void> => {
    // Both end as they began, enabled.
    for (let turn = 0; !signal.aborted || turn % 2 !== 0; turn++) {
      // Together at the rate, each lane on its own time.
      const due = started + ((turn * holders.length + number) * 1_000) / MUTATIONS_PER_SECOND;
      await sleep(Math.max(0, due - performance.now()));
      const expected = !writing || turn % 2 !== 0;
      if (writing) {
        if (expected) await tokens.enablePersonalToken({ organizationId, tokenId }, { as });
        else await tokens.disablePersonalToken({ organizationId, tokenId }, { as });
        changes.acknowledged += 1;
      }
      for (const replica of [...api.authorizationReplicas, sdk]) {
        const { allowed } = await replica.authorize({ key: secret, permission: 'projects:read', workspaceId });
        if (allowed !== expected) changes.stale += 1;
      }
    }
  };
  changes.failed += rejections(await Promise.allSettled(holders.map(lane)));
  close();
}

function rejections(ended: readonly PromiseSettledResult<void>[]): number {
  return ended.filter(({ status }) => status === 'rejected').length;
}
