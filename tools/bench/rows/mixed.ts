import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LatchkeyClient } from '@latchkey/client';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { type Bench } from '../bench';
import { canPin, GENERATOR_CORE, type Measured, SERVER_CORE } from '../process';
import { type LoadResult } from '../programs/generate';
import { type Row } from '../row';
import { startGenerator } from '../servers';
import { shown, spreadOf } from '../statistics';
import { connectSdk, cpuMicrosOf, type KeyHolder, newHolder, READY_MS, startWorld, type World } from '../suite';

const REACH = 1.1;
const MUTATIONS_PER_SECOND = 50;
/** Lanes begin each mutation on time, and the last of a round have no time left. */
const ENOUGH_PER_SECOND = 48;
const HOLDERS = 40;
/** Of them, those whose roles change; the others are what the load asks about. */
const CHANGING = 10;
const ROUNDS = 7;
const CALLS = 20_000;
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
  about: `${MUTATIONS_PER_SECOND} mutations a second beside a saturating load of checks and an SDK`,
  async run(bench) {
    const world = await startWorld(bench);
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
      let elapsed = 0;
      // The same is asked with and without writes, and at the same times.
      const measured = async (
        writing: boolean,
      ): Promise<{ micros: number; result: LoadResult; acknowledged: number; tookMs: number }> => {
        const stop = new AbortController();
        const started = performance.now();
        const before = changes.acknowledged;
        const lanes = change(world, sdk, changing, { writing, changes, signal: stop.signal });
        const run = await loaded(generator, world, pid);
        stop.abort();
        await lanes;
        return { ...run, acknowledged: changes.acknowledged - before, tookMs: performance.now() - started };
      };
      for (let round = 0; round < ROUNDS; round++) {
        // Each goes first in every other round.
        const writesFirst = round % 2 !== 0;
        const [first, second] = [await measured(writesFirst), await measured(!writesFirst)];
        const [alone, run] = writesFirst ? [second, first] : [first, second];
        each.push(((run.micros - alone.micros) * run.result.answered) / run.acknowledged);
        quiet.push(alone.micros);
        elapsed += run.tookMs;
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
      const perSecond = (changes.acknowledged / elapsed) * 1_000;
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
            measured: perSecond.toFixed(0),
            reach: `≥ ${ENOUGH_PER_SECOND}`,
            good: perSecond >= ENOUGH_PER_SECOND,
          },
          { figure: 'checks/s meanwhile', measured: shown(spreadOf(rates), 0) },
          {
            figure: 'what a replica pays for each mutation, and for reading anew what it changed',
            measured: `${shown(cost, 1)} ms of CPU; ${MUTATIONS_PER_SECOND} a second: ${((MUTATIONS_PER_SECOND * cost.median) / 10).toFixed(0)} % of a core`,
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
function giveCore({ processes, database, redis }: World, pid: number): void {
  if (!canPin()) return;
  const others = [...Object.values(processes), database, redis, process].map((each) => each.pid);
  const pin = (core: number, each: number): void => {
    spawnSync('taskset', ['-acp', String(core), String(each)]);
  };
  for (const other of others) if (other !== undefined && other !== pid) pin(GENERATOR_CORE, other);
  pin(SERVER_CORE, pid);
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
 * Takes a role away and gives it back, over and over, and asks every replica as soon as each change is acknowledged. Without
 * `writing` it only asks.
 */
async function change(
  world: World,
  sdk: LatchkeyClient,
  holders: readonly KeyHolder[],
  { writing, changes, signal }: { writing: boolean; changes: Changes; signal: AbortSignal },
): Promise<void> {
  const { api, organizationId, workspaceId, admin } = world;
  const roles = [BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR, BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER] as const;
  const started = performance.now();
  const lane = async ({ memberId, secret }: KeyHolder, number: number): Promise<void> => {
    for (let turn = 0; !signal.aborted || turn % roles.length !== 0; turn++) {
      // Together at the rate, each lane on its own time.
      const due = started + ((turn * holders.length + number) * 1_000) / MUTATIONS_PER_SECOND;
      await sleep(Math.max(0, due - performance.now()));
      // Both end as they began, with the second.
      const roleId = writing ? roles[turn % roles.length]! : roles[1];
      if (writing) {
        await api.bindings.setWorkspaceRole({ organizationId, workspaceId, memberId, roleId }, { as: admin.as });
        changes.acknowledged += 1;
      }
      const expected = roleId === roles[0];
      for (const replica of [...api.authorizationReplicas, sdk]) {
        const { allowed } = await replica.authorize({ key: secret, permission: 'projects:create', workspaceId });
        if (allowed !== expected) changes.stale += 1;
      }
    }
  };
  changes.failed += rejections(await Promise.allSettled(holders.map(lane)));
}

function rejections(ended: readonly PromiseSettledResult<void>[]): number {
  return ended.filter(({ status }) => status === 'rejected').length;
}
