import { type Logger } from '@latchkey/service';
import { openDatabase } from '../database';
import { DEFAULTS, type Parameters } from '../protocol';
import { type EpochChannel, NO_CHANNEL, openEpochChannel } from './epoch-channel';
import { EPOCH_DATABASE, type EpochStore, openEpochStore } from './epoch-store';
import { LiveBarrier } from './live-barrier';

export interface CoherenceOptions {
  readonly mongoUri: string;
  /** Undefined: changes become visible through the database alone, within two poll intervals instead of milliseconds. */
  readonly redisUrl: string | undefined;
  /** L, ms; see {@link Parameters}. */
  readonly leaseMs: number;
  readonly log: Logger;
  /** For tests alone, which show what breaks when mutations do not wait: puts another barrier in the place of the real one. */
  readonly barrier?: BarrierWrapper;
}

export type BarrierWrapper = (real: Pick<LiveBarrier, 'pass'>) => Pick<LiveBarrier, 'pass'>;

/** This process's part in keeping every memory coherent. */
export interface Coherence {
  readonly store: EpochStore;
  readonly channel: EpochChannel;
  readonly parameters: Parameters;
  /** What mutations wait for. */
  readonly barrier: Pick<LiveBarrier, 'pass'>;
}

/** Opens the epoch and starts the writer's side; `onStop` is told how to end each part. */
export async function openCoherence(
  { mongoUri, redisUrl, leaseMs, log, barrier: wrap = (real) => real }: CoherenceOptions,
  onStop: (stop: () => Promise<void> | void) => void,
): Promise<Coherence> {
  const database = await openDatabase(mongoUri, EPOCH_DATABASE);
  onStop(() => database.close());
  const store = await openEpochStore(database);
  const channel = redisUrl === undefined ? NO_CHANNEL : openEpochChannel(redisUrl, log);
  onStop(() => channel.close());
  const parameters = { ...DEFAULTS, leaseMs };
  const barrier = new LiveBarrier({ store, channel, parameters, log });
  barrier.start();
  onStop(() => barrier.stop());
  return { store, channel, parameters, barrier: wrap(barrier) };
}
