import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@latchkey/coherence';
import { createLogger } from '@latchkey/service';
import { type Engine, eventually, startDatabase, startRedis } from '@latchkey/testing';
import type mongoose from 'mongoose';
import { systemClock } from '../../src/live/clock';
import { type EpochChannel, NO_CHANNEL } from '../../src/live/epoch-channel';
import { EPOCH_DATABASE, type EpochStore, openEpochStore } from '../../src/live/epoch-store';
import { LiveBarrier } from '../../src/live/live-barrier';
import { LiveReplica } from '../../src/live/live-replica';
import { type Clock, DEFAULTS, type EpochDocument, type Evaluate } from '../../src/protocol';

export const silent = createLogger({ name: 'test', level: 'silent' });
export const parameters = { ...DEFAULTS, leaseMs: 3_000, pollMs: 100 };

/** A real database and a real Redis in a fresh folder. */
export interface Engines {
  readonly dir: string;
  readonly database: Engine;
  readonly redis: Engine;
  stop(): Promise<void>;
}

export async function startEngines(): Promise<Engines> {
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-live-'));
  const database = await startDatabase({ dir: join(dir, 'database'), log: () => undefined });
  const redis = await startRedis({ dir: join(dir, 'redis'), log: () => undefined });
  return {
    dir,
    database,
    redis,
    stop: async () => {
      await redis.stop();
      await database.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export interface Facts {
  readonly value: number;
  /** When it is over, database time, ms; absent: never. */
  readonly expires?: number;
}

/** Two clocks that a test turns; what it does not turn goes on. */
export class TurnedClock {
  #mono = 0;
  #wall = 0;
  #asleep: Clock | undefined;

  readonly read = (): Clock => {
    if (this.#asleep) return this.#asleep;
    const { mono, wall } = systemClock();
    return { mono: mono + this.#mono, wall: wall + this.#wall };
  };

  /** The wall clock is set, by somebody or by NTP. */
  setWall(byMs: number): void {
    this.#wall += byMs;
  }

  /** The machine is suspended. Nothing runs on it, so that its clocks show what they showed to whoever looks. */
  sleep(): void {
    this.#asleep = this.read();
  }

  /** Time has gone on, and the monotonic clock knows nothing of it. */
  wake(): void {
    const asleep = this.#asleep;
    this.#asleep = undefined;
    if (asleep) this.#mono += asleep.mono - this.read().mono;
  }
}

interface Writing {
  readonly withinMs?: number;
  readonly expires?: number;
  readonly telling?: boolean;
}

export interface ReplicaSetting {
  readonly store?: (real: EpochStore) => EpochStore;
  readonly clock?: TurnedClock;
}

/** Replicas and one writer on the real database; what they decide about is one number that only grows. */
export async function startWorld(
  connection: mongoose.Connection,
  settings: readonly ReplicaSetting[],
  openChannel: () => EpochChannel = () => NO_CHANNEL,
) {
  const store = await openEpochStore(connection);
  const facts = connection.collection<{ _id: string } & Facts>('facts');
  await facts.updateOne({ _id: 'f' }, { $set: { value: 0 }, $unset: { expires: 1 } }, { upsert: true });
  const channels: EpochChannel[] = [];
  let reads = 0;
  const channel = (): EpochChannel => {
    const opened = openChannel();
    channels.push(opened);
    return opened;
  };
  const start = ({ store: wrap = (real) => real, clock }: ReplicaSetting): LiveReplica<Facts> => {
    const replica = new LiveReplica<Facts>({
      store: wrap(store),
      channel: channel(),
      parameters,
      kinds: ['fact'],
      limits: { entitiesPerKind: 1_000, unknown: 1_000 },
      log: silent,
      ...(clock && { clock: clock.read }),
      renew: (_before, { value }) => (typeof value === 'number' ? { value } : undefined),
      load: async () => {
        reads += 1;
        const found = await facts.findOne({ _id: 'f' });
        const value = { value: found?.value ?? -1, expires: found?.expires };
        const version = value.value;
        return { entities: [{ kind: 'fact', id: 'f', hashes: [], within: [], value, version }], absent: [] };
      },
    });
    replica.start();
    return replica;
  };
  const replicas = settings.map(start);
  const barrier = new LiveBarrier({ store, channel: channel(), parameters, log: silent });
  await barrier.start();
  const world = {
    store,
    replicas,
    barrier,
    /** How often a replica has read the fact. */
    reads: () => reads,
    /**
     * Writes the number, which is its version too, and returns when the barrier says that everybody sees it. `telling`: what it makes
     * of the one before.
     */
    async write(value: number, { withinMs = 15_000, expires, telling = false }: Writing = {}) {
      const madeIn = barrier.admit();
      const change = expires === undefined ? { value } : { value, expires };
      await facts.updateOne({ _id: 'f' }, { $set: change }, { writeConcern: { w: 'majority', j: true } });
      const ctx = { deadline: Date.now() + withinMs, signal: new AbortController().signal };
      const delta = telling ? { version: value, fields: { value } } : undefined;
      await barrier.pass([{ kind: 'fact', id: 'f', hashes: [], delta }], ctx, undefined, madeIn);
    },
    async end(): Promise<void> {
      await barrier.stop();
      await Promise.all(replicas.map((replica) => replica.leave()));
      channels.forEach((each) => each.close());
    },
  };
  try {
    await eventually(() => expect(replicas.map((replica) => replica.serving)).not.toContain(false));
  } catch (error) {
    await world.end();
    throw error;
  }
  return world;
}

export const read: Evaluate<Facts, number> = (view) => {
  const found = view.byId('fact', 'f');
  return found ? { answer: found.value.value } : { missing: { by: 'id', kind: 'fact', id: 'f' } };
};

/** Whether the fact still holds, judged at this moment of database time. */
export function isValidAt(replica: LiveReplica<Facts>): Evaluate<Facts, boolean> {
  return (view, clock) => {
    const found = view.byId('fact', 'f');
    if (!found) return { missing: { by: 'id', kind: 'fact', id: 'f' } };
    return { answer: (replica.now(clock) ?? Infinity) < (found.value.expires ?? Infinity) };
  };
}

/** Copies of the whole epoch database, as a backup tool makes and brings back. */
export async function epochBackups(uri: string) {
  const connection = await openDatabase(uri, EPOCH_DATABASE);
  const epochs = connection.collection<{ _id: string } & EpochDocument>('epochs');
  return {
    take: async () => {
      const [document] = await epochs.find({}).toArray();
      if (!document) throw new Error('there is no epoch document');
      return document;
    },
    bringBack: async (backup: { _id: string } & EpochDocument) => {
      await epochs.replaceOne({ _id: backup._id }, backup, { upsert: true });
    },
    lose: async () => void (await epochs.deleteMany({})),
    close: () => connection.close(),
  };
}
