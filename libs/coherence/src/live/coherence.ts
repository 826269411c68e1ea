import { type Logger } from '@latchkey/service';
import { openDatabase } from '../database';
import { DEFAULTS, type Parameters } from '../protocol';
import { type EpochChannel, NO_CHANNEL, openEpochChannel } from './epoch-channel';
import { EPOCH_DATABASE, type EpochStore, openEpochStore } from './epoch-store';
import { LiveBarrier, type MutationBarrier } from './live-barrier';
import { folderPlace } from './mark-folder';
import { openMarkRedis, redisPlace } from './mark-redis';
import { Remembered } from './remembered';

export interface CoherenceOptions {
  readonly mongoUri: string;
  /** Undefined: changes become visible through the database alone, within two poll intervals instead of milliseconds. */
  readonly redisUrl: string | undefined;
  /** A folder of this process's own, in which it remembers how far the epoch had come; undefined: only Redis remembers. */
  readonly dataDir?: string;
  /** L, ms; see {@link Parameters}. */
  readonly leaseMs: number;
  readonly log: Logger;
  /** For tests alone, which show what breaks when mutations do not wait: puts another barrier in the place of the real one. */
  readonly barrier?: BarrierWrapper;
}

export type BarrierWrapper = (real: MutationBarrier) => MutationBarrier;

/** This process's part in keeping every memory coherent. */
export interface Coherence {
  readonly store: EpochStore;
  readonly channel: EpochChannel;
  readonly parameters: Parameters;
  readonly remembered: Remembered;
  /** What mutations wait for. */
  readonly barrier: MutationBarrier;
  /** @throws Error while the database is behind what is remembered of it: this process is not ready then */
  assertTrusted(): void;
}

/**
 * Opens the epoch and starts the writer's side; `onStop` is told how to end each part. A database that is behind what is
 * remembered stops nobody from starting: it is for the operator to say which is right, while everybody waits.
 * @throws Error with a readable sentence when the database or the data folder can't be used. Redis may be away.
 */
export async function openCoherence(
  { mongoUri, redisUrl, dataDir, leaseMs, log, barrier: wrap = (real) => real }: CoherenceOptions,
  onStop: (stop: () => Promise<void> | void) => void,
): Promise<Coherence> {
  // What did not come through is made anew by the protocol, with what has become due since: the driver need not repeat it.
  const database = await openDatabase(mongoUri, EPOCH_DATABASE, { retryWrites: false });
  onStop(() => database.close());
  const folder = dataDir === undefined ? undefined : await folderPlace(dataDir);
  // Who remembers a document has lost it if there is none, and must not make another.
  const lost = (await folder?.read()) !== undefined;
  const store = await openEpochStore(database, lost ? 'leave' : 'make');
  const places = folder ? [folder] : [];
  if (redisUrl !== undefined) {
    const redis = openMarkRedis(redisUrl);
    onStop(() => redis.disconnect());
    places.push(redisPlace(redis, () => store.markKey()));
  }
  const remembered = await Remembered.open(places, log);
  onStop(() => remembered.close());

  const channel = redisUrl === undefined ? NO_CHANNEL : openEpochChannel(redisUrl, log);
  onStop(() => channel.close());
  const parameters = { ...DEFAULTS, leaseMs };
  const barrier = new LiveBarrier({ store, channel, parameters, log, remembered });
  await barrier.start();
  onStop(() => barrier.stop());
  return {
    store,
    channel,
    parameters,
    remembered,
    barrier: wrap(barrier),
    assertTrusted: () => barrier.assertTrusted(),
  };
}
