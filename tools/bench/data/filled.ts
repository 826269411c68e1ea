import { ENTITY_KINDS, LiveReplica, openCoherence } from '@latchkey/coherence';
import { judge, type Judge, Usage, type Value } from '@latchkey/facts';
import { createLogger, systemContext } from '@latchkey/service';
import { type Holders } from '../../../apps/key/src/deps';
import { fillFrom } from '../../../apps/key/src/fill';
import { memoryOf } from '../../../apps/key/src/memory';
import { BRAND, type Dataset } from './dataset';
import { localFacts } from './fact-source';
import { randomOf } from './random';

export interface FilledOptions {
  readonly mongoUri: string;
  readonly redisUrl: string | undefined;
  readonly dataset: Dataset;
}

/** Production's replica, its lease renewed in a real epoch document, and its memory filled by production's fills. */
export interface Filled {
  readonly judge: Judge;
  readonly holders: Holders;
  readonly brand: string;
  /** Asks one question about each of these members' keys, so that all it needs is remembered. */
  fill(from: number, to: number): Promise<void>;
  /** Resolves when answers may be given: a machine that is too busy to renew a lease loses it. */
  leased(): Promise<void>;
  stop(): Promise<void>;
}

const AT_ONCE = 64;
const LEASE_MS = 5_000;
const USAGE_MS = 10_000;

export async function filledReplica({ mongoUri, redisUrl, dataset }: FilledOptions): Promise<Filled> {
  const log = createLogger({ name: 'bench', level: 'warn' });
  const stops: (() => Promise<void> | void)[] = [];
  const coherence = await openCoherence({ mongoUri, redisUrl, leaseMs: LEASE_MS, log }, (stop) => stops.push(stop));
  const facts = localFacts(dataset);
  // Nothing here looks at it, and one for each fill would leave a timer behind each.
  const context = systemContext('bench', { log, timeoutMs: 3_600_000 });
  const limits = { entitiesPerKind: dataset.size.members + 50_000, unknown: 100_000 };
  const load = fillFrom(facts.source, () => context);
  const replica = new LiveReplica<Value>({ ...coherence, kinds: ENTITY_KINDS, limits, load, log });
  replica.start();
  stops.push(() => replica.leave());
  const leased = async (): Promise<void> => {
    while (!replica.serving) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await leased();
  // Gathered as in production; written nowhere.
  const usage = new Usage({ write: () => Promise.resolve(), log, everyMs: USAGE_MS });
  usage.start();
  stops.push(() => usage.stop());
  const used = (keyId: string, nowMs: number): boolean => usage.note(keyId, nowMs);
  const it = judge({ memory: memoryOf(replica, Date.now), brand: BRAND, used });
  const fillOne = async (member: number): Promise<void> => {
    facts.open(member);
    const random = randomOf(member);
    const { key, permission, workspaceId, organizationId, expected } = dataset.question(member, random);
    const { allowed, reason } = await it.judgeKey(key, { permission, workspaceId, organizationId });
    if (allowed !== expected) throw new Error(`member ${member} was answered ${reason}`);
    facts.close(member);
  };
  return {
    judge: it,
    holders: {
      parameters: coherence.parameters,
      open: (process, caller, stream) => replica.openHolder(process, caller, stream),
      used,
    },
    brand: BRAND,
    fill: async (from, to) => {
      // The workspaces, so that no question of the measured time has to wait for one.
      for (let at = from; at < to; at += AT_ONCE) {
        // Facts that are here already are had without a turn of the event loop, and the lease needs some.
        await new Promise(setImmediate);
        await leased();
        await Promise.all(Array.from({ length: Math.min(AT_ONCE, to - at) }, (_, i) => fillOne(at + i)));
      }
    },
    leased,
    stop: async () => {
      for (const stop of stops.reverse()) await stop();
    },
  };
}
