import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidEventError, parseUserDeletion, QUEUE_PREFIX, USER_DELETION_QUEUE } from '@latchkey/events';
import { type eventsV1 } from '@latchkey/proto';
import { type Logger, reconnectAfterMs } from '@latchkey/service';
import { type Job, UnrecoverableError, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';

/** What a job asks for; what it throws makes the queue try again. */
export type Handler = (event: eventsV1.UserDeletionRequested, signal: AbortSignal | undefined) => Promise<object>;

export interface Consumer {
  /** Takes no more jobs, gives the running ones a moment to end, and lets go of Redis. Bounded, with or without Redis. */
  stop(): Promise<void>;
}

const CONCURRENCY = 4;
/** After this long without a sign of life, a job's worker counts as dead, ms. Signs are given twice as often. */
const LOCK_MS = 15_000;
/** How often jobs of dead workers are looked for, ms. */
const STALLED_INTERVAL_MS = 5_000;
/** How many deaths a job survives. Each may be a deployment's, not the job's fault. */
const MAX_STALLED = 10;
const RESTART_MS = 1_000;
/** For running jobs to end on a stop, ms; what does not is taken up by another worker. */
const FINISH_MS = 8_000;
const LET_GO_MS = 1_000;

/** Consumes the deletion queue, from now on and for ever: Redis may be away at the start, and go and come back later. */
export function startConsumer(redisUrl: string, handle: Handler, log: Logger): Consumer {
  const redis = new OwnedRedis(redisUrl, {
    // Consumers wait for Redis; it is the producers that fail fast.
    maxRetriesPerRequest: null,
    retryStrategy: reconnectAfterMs,
  });
  let reachable = true;
  const unreachable = (err: Error): void => {
    if (reachable) log.warn({ err }, 'the queue cannot be reached; waiting for it');
    reachable = false;
  };
  redis.on('error', unreachable);
  redis.on('ready', () => {
    if (!reachable) log.info('the queue can be reached again');
    reachable = true;
  });

  const stopping = new AbortController();
  let current: Worker | undefined;
  const consume = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const worker = open(redis, handle, log);
      worker.on('error', unreachable);
      current = worker;
      try {
        // Returns when the worker was closed. A worker whose connection broke while it was being made never recovers, and
        // rejects here; another one then takes its place.
        await worker.run();
      } catch (err) {
        if (!stopping.signal.aborted) log.warn({ err }, 'the consumer failed; starting another');
      }
      if (stopping.signal.aborted) return;
      await bounded(worker.close(true), LET_GO_MS, log);
      await sleep(RESTART_MS, undefined, { signal: stopping.signal }).catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
      });
    }
  };
  const consuming = consume();

  const stop = async (): Promise<void> => {
    stopping.abort();
    // Without Redis no running job can report its end, and a close that waits for that waits for ever. Asked, since a
    // connection that has just broken still calls itself ready.
    const answers = await bounded(redis.ping(), LET_GO_MS, log);
    await bounded(current?.close(!answers), FINISH_MS, log);
    redis.disconnectAll();
    await bounded(consuming, LET_GO_MS, log);
  };
  let stopped: Promise<void> | undefined;
  return { stop: () => (stopped ??= stop()) };
}

/** BullMQ makes a connection of its own, to block on, out of the one that it is given; this one can end them all. */
class OwnedRedis extends Redis {
  readonly #copies = new Set<Redis>();

  override duplicate(override?: Partial<RedisOptions>): Redis {
    const copy = super.duplicate(override);
    this.#copies.add(copy);
    copy.once('end', () => this.#copies.delete(copy));
    return copy;
  }

  disconnectAll(): void {
    for (const connection of [this, ...this.#copies]) connection.disconnect();
  }
}

function open(redis: Redis, handle: Handler, log: Logger): Worker {
  const worker = new Worker(
    USER_DELETION_QUEUE,
    async (job: Job<unknown>, _token?: string, signal?: AbortSignal) => {
      const event = parsed(job.data);
      const outcome = await handle(event, signal);
      log.info({ jobId: job.id, deletionId: event.deletionId, ...outcome }, 'a removed member is cleaned up');
      return outcome;
    },
    {
      connection: redis,
      prefix: QUEUE_PREFIX,
      autorun: false,
      concurrency: CONCURRENCY,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_INTERVAL_MS,
      maxStalledCount: MAX_STALLED,
    },
  );
  worker.on('failed', (job, err) => {
    const words = { err, jobId: job?.id, attempt: job?.attemptsMade };
    // The failed set is the dead-letter set: what is in it stays there for somebody to look at.
    const dead = job === undefined || err instanceof UnrecoverableError || job.attemptsMade >= (job.opts.attempts ?? 1);
    if (dead) log.error({ ...words, alert: 'dead-letter' }, 'a job has failed for good');
    else log.warn(words, 'a job has failed and will be tried again');
  });
  worker.on('stalled', (jobId) => log.warn({ jobId }, 'a job was left by a worker that died; taking it up'));
  return worker;
}

/** @throws UnrecoverableError for a payload that no repeat will make better */
function parsed(data: unknown): eventsV1.UserDeletionRequested {
  try {
    return parseUserDeletion(data);
  } catch (error) {
    if (error instanceof InvalidEventError) throw new UnrecoverableError(error.message);
    throw error;
  }
}

/** Waits for `work`, but not for ever; whether it was done in time. */
async function bounded(work: Promise<unknown> | undefined, ms: number, log: Logger): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(ms, 'late', { signal: timer.signal }).catch(() => 'in time');
  try {
    const inTime = (await Promise.race([work, late])) !== 'late';
    if (!inTime) log.info({ ms }, 'the queue did not answer while it was let go of');
    return inTime;
  } catch (err) {
    log.debug({ err }, 'the queue was gone before it was let go of');
    return false;
  } finally {
    timer.abort();
  }
}
