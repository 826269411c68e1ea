import { encodeUserDeletion, QUEUE_PREFIX, USER_DELETION_QUEUE } from '@latchkey/events';
import { type eventsV1 } from '@latchkey/proto';
import { type Logger, reconnectAfterMs } from '@latchkey/service';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { queueUnavailable } from './errors';

/** The producer's end of the queue. Adds at once or fails at once; the outbox is what waits. */
export interface DeletionQueue {
  /**
   * Adds a job. An id that the queue knows already, be that job waiting, running, failed or kept, is silently ignored.
   * @throws AppError UNAVAILABLE (QUEUE_UNAVAILABLE)
   */
  add(jobId: string, event: eventsV1.UserDeletionRequested): Promise<void>;
  close(): Promise<void>;
}

/** How long one add may take, ms. */
const ADD_LIMIT_MS = 2_000;
const CLOSE_LIMIT_MS = 2_000;

/** Retries of one job: about five minutes. After the last, the job stays as failed, and the reconciler adds another. */
const JOB_OPTIONS = {
  attempts: 8,
  backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: false,
} as const;

/** Needs no Redis to be there, now or later: it connects in the background, for ever, and says once that it cannot. */
export function deletionQueue(redisUrl: string, log: Logger): DeletionQueue {
  const redis = new Redis(redisUrl, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    connectTimeout: 5_000,
    retryStrategy: reconnectAfterMs,
  });
  let reachable = true;
  const unreachable = (err: Error) => {
    if (reachable) log.warn({ err }, 'the queue cannot be reached; deletions wait in the outbox');
    reachable = false;
  };
  redis.on('error', unreachable);
  redis.on('ready', () => {
    if (!reachable) log.info('the queue can be reached again');
    reachable = true;
  });

  let queue: Queue | undefined;
  const open = (): Queue => {
    const opened = new Queue(USER_DELETION_QUEUE, { connection: redis, prefix: QUEUE_PREFIX });
    opened.on('error', unreachable);
    return opened;
  };
  const discard = async (used: Queue | undefined): Promise<void> => {
    try {
      await within(CLOSE_LIMIT_MS, used?.close());
    } catch (err) {
      log.debug({ err }, 'a queue object could not be closed');
    }
  };

  return {
    async add(jobId, event) {
      // A queue object waits for its connection without a limit, and never recovers from one that broke while it was
      // being made.
      if (redis.status !== 'ready') throw queueUnavailable();
      queue ??= open();
      const used = queue;
      try {
        await within(ADD_LIMIT_MS, used.add(USER_DELETION_QUEUE, encodeUserDeletion(event), { ...JOB_OPTIONS, jobId }));
      } catch (error) {
        queue = undefined;
        await discard(used);
        throw queueUnavailable(error);
      }
    },

    async close() {
      await discard(queue);
      redis.disconnect();
    },
  };
}

async function within<T>(ms: number, work: Promise<T> | undefined): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
