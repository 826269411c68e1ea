import { randomUUID } from 'node:crypto';
import type mongoose from 'mongoose';
import { DURABLE, type OutboxDocument, type OutboxPayload } from './collections';
import { outboxDocument, outboxId } from './outbox';
import { type ChangeEvent } from './protocol';

/** The outbox kind of events that are committed and may not have been bumped. */
export const INVALIDATION = 'invalidation';

/** Before the sweeper takes it for the leftover of a crash, ms. A bump follows within a few hundred. */
const SWEEP_AFTER_MS = 2_000;

/** Promises, with the change, that its events will be bumped; answers the promise's key. Without events there is nothing to promise. */
export async function promiseInvalidation(
  outbox: mongoose.mongo.Collection<OutboxDocument>,
  events: readonly ChangeEvent[],
  now: Date,
  session: mongoose.ClientSession,
): Promise<string | undefined> {
  if (events.length === 0) return undefined;
  const payload = { events: events.map((event) => JSON.stringify(event)) };
  const promised = { kind: INVALIDATION, key: randomUUID(), payload, delayMs: SWEEP_AFTER_MS };
  await outbox.insertOne(outboxDocument(promised, now), { session });
  return promised.key;
}

export function eventsOf({ events }: OutboxPayload): ChangeEvent[] {
  if (!Array.isArray(events)) throw new Error('an invalidation without events');
  return events.map((event) => JSON.parse(String(event)) as ChangeEvent);
}

export async function forgetInvalidations(
  outbox: mongoose.mongo.Collection<OutboxDocument>,
  keys: readonly string[],
): Promise<void> {
  const ids = keys.map((key) => outboxId(INVALIDATION, key));
  await outbox.deleteMany({ _id: { $in: ids } }, { writeConcern: DURABLE });
}
