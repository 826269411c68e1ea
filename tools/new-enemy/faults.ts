import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Link,
  linkToDatabase,
  type LinkState,
  type ServiceProcess,
  startRedis,
  type TestSuite,
} from '@latchkey/testing';
import { Redis } from 'ioredis';
import { now } from './clock';
import { between, oneOf, type Random } from './random';

/** What can be broken. The database's link is that of one replica of key; the others keep theirs. */
export const FAULTS = [
  'none',
  'stop',
  'kill',
  'redis-killed',
  'redis-flushed',
  'database-delayed',
  'database-black-hole',
  'database-half-open',
] as const;
export type FaultName = (typeof FAULTS)[number];

/** Something that was broken for a while. */
export interface FaultRecord {
  readonly fault: FaultName;
  readonly what: string;
  readonly from: number;
  /** Undefined while it lasts. */
  to?: number;
}

/** Those that were there during a span of time. */
export function during(faults: readonly FaultRecord[], begin: number, end: number): FaultRecord[] {
  return faults.filter(({ from, to = Infinity }) => from <= end && to >= begin);
}

/** Between two faults, ms. */
const PAUSE_MS = [20, 300] as const;
/** How long Redis is flushed again and again, ms. */
const FLUSHING_MS = [300, 1_500] as const;
const FLUSH_PAUSE_MS = 20;
/** How long a process that was killed is gone before it is started again, ms. */
const GONE_MS = [0, 1_500] as const;

/** Breaks things of one suite. */
export class Faults {
  /** All that was broken, in order. */
  readonly history: FaultRecord[] = [];
  readonly #suite: TestSuite;
  readonly #leaseMs: number;
  readonly #random: Random;
  #link: Link | undefined;
  #breaking = false;
  #waiting: (() => void)[] = [];

  constructor(suite: TestSuite, { leaseMs, random }: { leaseMs: number; random: Random }) {
    this.#suite = suite;
    this.#leaseMs = leaseMs;
    this.#random = random;
  }

  /** Makes what is to be broken breakable. */
  async prepare(fault: FaultName): Promise<void> {
    if (fault.startsWith('database')) this.#link ??= await linkToDatabase(this.#suite, 'key3');
  }

  /** Does it at random moments, once at a time, until `whether` says no; then all is mended. */
  async keepBreaking(fault: FaultName, whether: () => boolean): Promise<void> {
    if (fault === 'none') return;
    this.#breaking = true;
    try {
      while (whether()) {
        await sleep(between(this.#random, ...PAUSE_MS));
        await this.#break(fault);
      }
    } finally {
      this.#breaking = false;
      this.#goOn();
    }
  }

  /** Resolves the moment that something breaks next; at once where nothing is going to. */
  async next(): Promise<void> {
    if (this.#breaking) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #goOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  close(): void {
    this.#link?.close();
  }

  async #break(fault: Exclude<FaultName, 'none'>): Promise<void> {
    const { key, key2, key3, role, role2 } = this.#suite.processes;
    const replicas = [key, key2, key3, role, role2].filter((process) => process !== undefined);
    switch (fault) {
      case 'stop':
        return await this.#stop(oneOf(this.#random, replicas));
      case 'kill':
        return await this.#kill(oneOf(this.#random, replicas));
      case 'redis-killed':
        return await this.#killRedis();
      case 'redis-flushed':
        return await this.#flushRedis();
      case 'database-delayed':
        return await this.#breakLink(fault, 'delayed', between(this.#random, 20, this.#leaseMs));
      case 'database-black-hole':
        return await this.#breakLink(fault, 'blackHole');
      case 'database-half-open':
        return await this.#breakLink(fault, 'halfOpen');
    }
  }

  /** For a moment, or for so long that its lease is over and it wakes up with questions of long ago. */
  async #stop(process: ServiceProcess): Promise<void> {
    const short = this.#random() < 0.7;
    const forMs = short ? between(this.#random, 10, 400) : between(this.#random, this.#leaseMs, 1.5 * this.#leaseMs);
    await this.#record('stop', `${process.name} stopped (SIGSTOP)`, async () => {
      process.signal('SIGSTOP');
      try {
        await sleep(forMs);
      } finally {
        process.signal('SIGCONT');
      }
    });
  }

  async #kill(process: ServiceProcess): Promise<void> {
    await this.#record('kill', `${process.name} killed (SIGKILL) and started again`, async () => {
      await process.kill();
      await sleep(between(this.#random, ...GONE_MS));
      await process.restart();
    });
    // Every step of a change waits for the lease of one that is dead and still listed: of those with several, some must get through.
    const soon = this.#random() < 0.7;
    await sleep(soon ? between(this.#random, 0, 0.3 * this.#leaseMs) : 1.5 * this.#leaseMs);
  }

  async #breakLink(fault: FaultName, state: LinkState, delayMs = 0): Promise<void> {
    const how = state === 'delayed' ? `delayed by ${delayMs.toFixed(0)} ms` : state;
    await this.#record(fault, `the database link of key3 ${how}`, async () => {
      this.#link?.set(state, delayMs);
      await sleep(between(this.#random, 100, 1.5 * this.#leaseMs));
      this.#link?.set('open');
    });
  }

  async #flushRedis(): Promise<void> {
    await this.#record('redis-flushed', 'Redis flushed (FLUSHALL) again and again', async () => {
      const client = new Redis(this.#suite.redis.uri);
      const end = now() + between(this.#random, ...FLUSHING_MS);
      while (now() < end) {
        await client.flushall();
        await sleep(FLUSH_PAUSE_MS);
      }
      client.disconnect();
    });
  }

  async #killRedis(): Promise<void> {
    const { redis, dir, lines } = this.#suite;
    const { pid } = redis;
    if (pid === undefined) throw new Error('this Redis was started by somebody else: it cannot be killed');
    await this.#record('redis-killed', 'Redis killed (SIGKILL) and started again', async () => {
      process.kill(pid, 'SIGKILL');
      await redis.exited;
      await sleep(between(this.#random, ...GONE_MS));
      const port = Number(new URL(redis.uri).port);
      const again = await startRedis({ dir: `${dir}/redis`, port, log: (line) => lines.push(line) });
      Object.assign(redis, { pid: again.pid, exited: again.exited, stop: () => again.stop() });
    });
  }

  async #record(fault: FaultName, what: string, broken: () => Promise<void>): Promise<void> {
    const record: FaultRecord = { fault, what, from: now() };
    this.history.push(record);
    this.#goOn();
    await broken();
    record.to = now();
  }
}
