import { openCoherence } from '@latchkey/coherence';
import { createLogger } from '@latchkey/service';
import mongoose from 'mongoose';
import { Latencies, type Percentiles } from '../load/latencies';
import { type Row } from '../row';
import { connectSdk, newHolder, READY_MS, startWorld, type World } from '../suite';

/** Against a write that changes one document by its id, as the bump does, and a revocation. */
const REACH_P50 = 2;
const REACH_P99 = 6;
/** Two poll intervals, ms. */
const REACH_WITHOUT_REDIS_MS = 400;
const TIMES = 600;
const TIMES_WITHOUT_REDIS = 60;
const LEASE_MS = 5_000;

/** What a mutation waits for beyond its own commit, beside one durable write. */
export const barrier: Row = {
  name: 'barrier',
  about: 'the barrier of a mutation with three replicas of key and an SDK holder, against one majority write',
  async run(bench) {
    const world = await startWorld(bench);
    const sdk = connectSdk(world);
    try {
      await sdk.ready(READY_MS);
      const { memberId, secret } = await newHolder(world);
      // Everybody holds what is changed: the SDK asks anew each time, and its replica with it.
      const held = async (): Promise<string> => {
        const { workspaceId } = world;
        const { source } = await sdk.authorize({ key: secret, permission: 'projects:read', workspaceId });
        if (source !== 'memory') throw new Error('the SDK has answered without its memory');
        return memberId;
      };
      const { write, list, pass } = await timed(world, world.redis.uri, held, TIMES);
      bench.log('  and without Redis');
      for (const process of [world.processes.key, world.processes.key2, world.processes.key3]) {
        await process?.restart({ env: { REDIS_URL: '' } });
      }
      await sdk.ready(READY_MS);
      const deaf = await timed(world, undefined, held, TIMES_WITHOUT_REDIS);
      const p50 = pass.p50 / write.p50;
      const p99 = pass.p99 / write.p99;
      return {
        lines: [
          {
            figure: 'barrier to one majority write, p50',
            measured: p50.toFixed(2),
            reach: `≤ ${REACH_P50}`,
            good: p50 <= REACH_P50,
          },
          {
            figure: 'barrier to one majority write, p99',
            measured: p99.toFixed(2),
            reach: `≤ ${REACH_P99}`,
            good: p99 <= REACH_P99,
          },
          { figure: 'barrier, three replicas and an SDK holder', measured: shownMs(pass) },
          { figure: 'one majority write, in turns with it', measured: shownMs(write) },
          { figure: 'who is listed, read with nothing beside it', measured: shownMs(list) },
          {
            figure: 'barrier without Redis, p99',
            measured: `${deaf.pass.p99.toFixed(0)} ms (p50 ${deaf.pass.p50.toFixed(0)} ms)`,
            reach: `≤ ${REACH_WITHOUT_REDIS_MS} ms`,
            good: deaf.pass.p99 <= REACH_WITHOUT_REDIS_MS,
          },
        ],
        figures: {
          barrierP50ToWrite: p50,
          barrierP99ToWrite: p99,
          barrierP50Ms: pass.p50,
          writeP50Ms: write.p50,
          barrierWithoutRedisP99Ms: deaf.pass.p99,
        },
      };
    } finally {
      await sdk.close();
      await world.stop();
    }
  },
};

/** The barrier of production, in this process as in any writer's, by turns with a write of its own. */
async function timed(
  { database }: World,
  redisUrl: string | undefined,
  held: () => Promise<string>,
  times: number,
): Promise<{ write: Percentiles; list: Percentiles; pass: Percentiles }> {
  const log = createLogger({ name: 'bench', level: 'error' });
  const stops: (() => Promise<void> | void)[] = [];
  const coherence = await openCoherence(
    { mongoUri: database.uri, redisUrl, leaseMs: LEASE_MS, log },
    (stop) => void stops.push(stop),
  );
  const connection = await mongoose
    .createConnection(database.uri, { dbName: 'bench', writeConcern: { w: 'majority', journal: true } })
    .asPromise();
  stops.push(() => connection.close());
  const [writes, lists, passes] = [new Latencies(), new Latencies(), new Latencies()];
  // Services make changes for longer than it takes to compile what they do it with.
  const WARM_UP = times / 2;
  const documents = connection.collection('writes');
  const { insertedId: _id } = await documents.insertOne({ i: 0 });
  for (let i = -WARM_UP; i < times; i++) {
    const write = await msOf(() => documents.updateOne({ _id }, { $set: { i } }));
    const event = { kind: 'member', id: await held(), hashes: [] };
    const ctx = { deadline: Date.now() + 10_000, signal: new AbortController().signal };
    const pass = await msOf(() => coherence.barrier.pass([event], ctx));
    if (i < 0) continue;
    writes.add(write);
    passes.add(pass);
  }
  for (let i = 0; i < times; i++) lists.add(await msOf(() => coherence.store.read('linearizable')));
  for (const stop of stops.reverse()) await stop();
  return { write: writes.percentiles(), list: lists.percentiles(), pass: passes.percentiles() };
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

const shownMs = ({ p50, p99 }: Percentiles): string => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
