import { setTimeout as sleep } from 'node:timers/promises';
import { type Link, openLink, type ServiceProcess, startRedis, type TestSuite } from '@latchkey/testing';
import { Redis } from 'ioredis';
import { now } from './clock';
import { between, oneOf, type Random } from './random';

export const FAULTS = ['none', 'redis', 'stop', 'kill', 'database'] as const;
export type FaultName = (typeof FAULTS)[number];

/** Something that was broken for a while. */
export interface FaultRecord {
  readonly what: string;
  readonly from: number;
  /** Undefined while it lasts. */
  to?: number;
}

export interface Faults {
  readonly history: readonly FaultRecord[];
  /** Mends what is broken, and breaks nothing more. */
  stop(): Promise<void>;
}

/** Between two faults, ms. */
const PAUSE_MS = [50, 600] as const;

/** Breaks things at random moments, one at a time, until it is stopped. */
export async function startFaults(name: FaultName, suite: TestSuite, leaseMs: number, random: Random): Promise<Faults> {
  const history: FaultRecord[] = [];
  const record = async (what: string, during: () => Promise<void>): Promise<void> => {
    const fault: FaultRecord = { what, from: now() };
    history.push(fault);
    await during();
    fault.to = now();
  };
  const { key, key2, key3 } = suite.processes;
  const replicas = [key, key2, key3].filter((process) => process !== undefined);
  const link = name === 'database' ? await linkToDatabase(suite) : undefined;
  const once: Record<Exclude<FaultName, 'none'>, () => Promise<void>> = {
    redis: () => breakRedis(suite, random, record),
    stop: () => freeze(oneOf(random, replicas), leaseMs, random, record),
    kill: () => killAndRestart(oneOf(random, replicas), random, record),
    database: () => breakLink(link, leaseMs, random, record),
  };
  let over = false;
  const run = async (): Promise<void> => {
    while (!over && name !== 'none') {
      await sleep(between(random, ...PAUSE_MS));
      await once[name]();
    }
  };
  const running = run();
  // Whoever stops it hears of it; until then the races must go on.
  running.catch((error: unknown) => console.error('the faults have ended early:', error));
  return {
    history,
    stop: async () => {
      over = true;
      await running.finally(() => link?.close());
    },
  };
}

type Recorder = (what: string, during: () => Promise<void>) => Promise<void>;

/** For a moment, or for so long that its lease is over and it wakes up with questions of long ago. */
async function freeze(process: ServiceProcess, leaseMs: number, random: Random, record: Recorder): Promise<void> {
  const forMs = random() < 0.7 ? between(random, 10, 400) : between(random, leaseMs, 2 * leaseMs);
  await record(`${process.name} stopped (SIGSTOP)`, async () => {
    process.signal('SIGSTOP');
    try {
      await sleep(forMs);
    } finally {
      process.signal('SIGCONT');
    }
  });
}

/** Has the last replica reach its database through a link that can be broken. */
async function linkToDatabase({ database, processes }: TestSuite): Promise<Link> {
  const uri = new URL(database.uri);
  const link = await openLink(Number(uri.port));
  uri.port = String(link.port);
  // Otherwise the driver would ask who is in the replica set, and go there directly.
  uri.searchParams.delete('replicaSet');
  uri.searchParams.set('directConnection', 'true');
  const replica = processes.key3 ?? processes.key2;
  if (replica === undefined) throw new Error('this fault takes a second replica');
  await replica.restart({ env: { MONGODB_URI: uri.toString() } });
  return link;
}

async function breakLink(link: Link | undefined, leaseMs: number, random: Random, record: Recorder): Promise<void> {
  const state = oneOf(random, ['delayed', 'blackHole', 'halfOpen'] as const);
  const delayMs = between(random, 20, leaseMs);
  const name = state === 'delayed' ? `delayed by ${delayMs.toFixed(0)} ms` : state;
  await record(`the database link of one replica ${name}`, async () => {
    link?.set(state, delayMs);
    await sleep(between(random, 100, 2 * leaseMs));
    link?.set('open');
  });
}

async function killAndRestart(process: ServiceProcess, random: Random, record: Recorder): Promise<void> {
  await record(`${process.name} killed (SIGKILL) and started again`, async () => {
    await process.kill();
    await sleep(between(random, 0, 1_500));
    await process.restart();
  });
}

async function breakRedis(suite: TestSuite, random: Random, record: Recorder): Promise<void> {
  const { redis } = suite;
  if (redis.pid === undefined) throw new Error('this Redis was started by somebody else: it cannot be killed');
  const { pid } = redis;
  if (random() < 0.5) {
    await record('Redis flushed (FLUSHALL)', async () => {
      const client = new Redis(redis.uri);
      await client.flushall();
      client.disconnect();
    });
    return;
  }
  await record('Redis killed (SIGKILL) and started again', async () => {
    process.kill(pid, 'SIGKILL');
    await redis.exited;
    await sleep(between(random, 0, 1_500));
    const port = Number(new URL(redis.uri).port);
    const again = await startRedis({ dir: `${suite.dir}/redis`, port, log: (line) => suite.lines.push(line) });
    Object.assign(redis, { pid: again.pid, exited: again.exited, stop: () => again.stop() });
  });
}
