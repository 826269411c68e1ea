import { AppError } from '@latchkey/service';
import type mongoose from 'mongoose';
import { type OutboxDocument, type OutboxPayload } from './collections';
import { startOverIfDuplicate } from './transaction';

/** Work that a change promises. */
export interface Enqueued {
  /** Which of the relay's handlers does it; without ':'. */
  readonly kind: string;
  /** Names the work within its kind, usually by the id of the intent behind it. */
  readonly key: string;
  readonly payload: OutboxPayload;
  /** Before it is due, milliseconds. Default 0. */
  readonly delayMs?: number;
}

type Outbox = mongoose.mongo.Collection<OutboxDocument>;

export function outboxId(kind: string, key: string): string {
  return `${kind}:${key}`;
}

export function outboxDocument({ kind, key, payload, delayMs = 0 }: Enqueued, now: Date): OutboxDocument {
  const nextAttemptAt = new Date(now.getTime() + delayMs);
  return { _id: outboxId(kind, key), kind, key, payload, attempts: 0, nextAttemptAt, createdAt: now };
}

/**
 * Writes the promise. One that is there already becomes due anew with the new payload, and a relay that is at work on it
 * loses its lease: what it does may be too old to count.
 */
export async function putOutbox(
  outbox: Outbox,
  work: Enqueued,
  now: Date,
  session: mongoose.ClientSession,
): Promise<void> {
  const { _id, createdAt, ...due } = outboxDocument(work, now);
  const update = { $set: due, $setOnInsert: { createdAt }, $unset: { leaseOwner: '' as const } };
  await startOverIfDuplicate(() => outbox.updateOne({ _id }, update, { upsert: true, session }));
}

/** Removes the promise; answers whether it was there. */
export async function removeOutbox(
  outbox: Outbox,
  kind: string,
  key: string,
  session: mongoose.ClientSession,
): Promise<boolean> {
  const { deletedCount } = await outbox.deleteOne({ _id: outboxId(kind, key) }, { session });
  return deletedCount === 1;
}

/** Somebody else, most likely the relay, has finished this very work. */
export function settledElsewhere(): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'SETTLED_ELSEWHERE',
    message: 'this has been finished by somebody else at the same moment',
  });
}
