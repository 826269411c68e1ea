import { QUEUE_PREFIX, USER_DELETION_QUEUE } from '@latchkey/events';
import { QueueEvents } from 'bullmq';
import { eventually } from '@latchkey/testing';

/** Watches the deletion queue from outside, as an operator would. */
export interface QueueWatch {
  /** Resolves with the job's id once a job for this deletion has completed. */
  sawCompleted(deletionId: string): Promise<string>;
  close(): Promise<void>;
}

export async function watchQueue(redisUrl: string): Promise<QueueWatch> {
  const events = new QueueEvents(USER_DELETION_QUEUE, { prefix: QUEUE_PREFIX, connection: { url: redisUrl } });
  const completed: string[] = [];
  events.on('completed', ({ jobId }) => completed.push(jobId));
  await events.waitUntilReady();
  return {
    sawCompleted: (deletionId) =>
      eventually(() => {
        const jobId = completed.find((id) => id.startsWith(`ud-${deletionId}`));
        if (!jobId) throw new Error(`no job of ${deletionId} has completed yet`);
        return jobId;
      }),
    close: () => events.close(),
  };
}
