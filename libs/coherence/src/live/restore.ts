import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../database';
import {
  DEFAULTS,
  type EpochDocument,
  type EpochOperation,
  type Parameters,
  Restorer,
  type Watermark,
} from '../protocol';
import { systemClock } from './clock';
import { EPOCH_DATABASE, type EpochStore, newGeneration, newSecret, openEpochStore } from './epoch-store';
import { type MarkPlace } from './mark-place';
import { openMarkRedis, redisPlace } from './mark-redis';

export interface RestoreOptions {
  readonly mongoUri: string;
  /** Undefined: what Redis remembers is not looked at; the services put it right when they start. */
  readonly redisUrl: string | undefined;
  /** The longest lease that any replica may have been given, ms: also one that the backup does not list. */
  readonly longestLeaseMs: number;
  /** A generation that a data folder remembers, where a clock was so wrong that the new one would not be greater. */
  readonly newerThan: string | undefined;
  /** Is told what is being done, a sentence at a time. */
  readonly say: (line: string) => void;
}

/** Something is wrong that the operator has to know; the message is a sentence for people. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError';
}

const TICK_MS = 25;

/**
 * The operator's word that the databases are as they should be, after they were restored from a backup: begins a new
 * generation of the epoch, which voids every lease, and lets nobody change anything until leases of before are surely over.
 * Interrupted, it leaves changes frozen and is to be run again; run again, it does no harm.
 * @throws RestoreError
 */
export async function restoreEpoch(options: RestoreOptions): Promise<void> {
  const { mongoUri, redisUrl, say } = options;
  const connection = await openDatabase(mongoUri, EPOCH_DATABASE);
  const redis = redisUrl === undefined ? undefined : openMarkRedis(redisUrl);
  try {
    const existed = (await (await openEpochStore(connection, 'leave')).read('linearizable')) !== undefined;
    const store = await openEpochStore(connection, 'make-frozen');
    const found = await read(store);
    say(existed ? described(found) : 'There is no epoch document: made one.');
    const place = redis && redisPlace(redis, () => store.markKey());
    const mark = place && (await markIn(place, say));
    await restore(store, found, mark, options);
    if (place) await keepIn(place, await read(store), say);
    say('Done: changes are allowed again. Replicas join by themselves within a second; nothing needs a restart.');
  } finally {
    redis?.disconnect();
    await connection.close();
  }
}

async function restore(
  store: EpochStore,
  found: EpochDocument,
  mark: Watermark | undefined,
  { longestLeaseMs, newerThan, say }: RestoreOptions,
): Promise<void> {
  const parameters: Parameters = { ...DEFAULTS, leaseMs: longestLeaseMs };
  const known = [found.generation, mark?.generation, newerThan].filter((name) => name !== undefined);
  const generation = newGeneration(Date.now(), ...known);
  const restorer = new Restorer(found, { parameters, generation, macKey: newSecret() });
  await execute(store, restorer.begin());
  restorer.begun(systemClock());
  say(`Began generation ${generation}: every lease is void, and nothing can be changed.`);
  const waitMs = restorer.remaining(systemClock());
  say(
    `Waiting ${(waitMs / 1_000).toFixed(1)} s, until leases of before are over. If this is interrupted, run it again.`,
  );
  let thaw: EpochOperation | undefined;
  while ((thaw = restorer.tick(systemClock())) === undefined) await sleep(TICK_MS);
  await execute(store, thaw);
}

async function execute(store: EpochStore, operation: EpochOperation): Promise<void> {
  if ((await store.execute(operation)) !== undefined) return;
  throw new RestoreError(
    'Somebody else is restoring at the same time: the epoch has another generation by now. Let one finish.',
  );
}

async function read(store: EpochStore): Promise<EpochDocument> {
  const document = await store.read('linearizable');
  if (document === undefined) throw new RestoreError('The epoch document has been removed meanwhile. Run this again.');
  return document;
}

function described({ generation, seq, replicas, frozen, at }: EpochDocument): string {
  const listed = `replicas listed: ${Object.keys(replicas).length}`;
  const last = `last written ${new Date(at).toISOString()}`;
  return `Found generation ${generation}, event ${seq}, ${last}, ${listed}${frozen ? '; frozen by a restore before' : ''}.`;
}

async function markIn(place: MarkPlace, say: (line: string) => void): Promise<Watermark | undefined> {
  try {
    const mark = await place.read();
    say(mark ? `Redis remembers generation ${mark.generation}, event ${mark.seq}.` : 'Redis remembers nothing.');
    return mark;
  } catch (error) {
    say(`Redis cannot be asked (${String(error)}): going on without.`);
    return undefined;
  }
}

async function keepIn(
  place: MarkPlace,
  { generation, seq }: EpochDocument,
  say: (line: string) => void,
): Promise<void> {
  try {
    await place.keep({ generation, seq });
  } catch (error) {
    say(`Redis cannot be told (${String(error)}): the services will tell it.`);
  }
}
