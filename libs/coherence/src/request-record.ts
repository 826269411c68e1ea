import { AppError, type CallContext } from '@latchkey/service';
import mongoose from 'mongoose';
import { type RequestDocument } from './collections';
import { type ChangeEvent } from './protocol';
import { hashOf, startOverIfDuplicate } from './transaction';

type Requests = mongoose.mongo.Collection<RequestDocument>;

/** A generated message type. */
export interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/**
 * The first answer to this request_id, if there is one. If not, the request_id is taken: a concurrent repeat conflicts
 * with this transaction, starts over and finds the answer.
 * @throws AppError INVALID_ARGUMENT (REQUEST_ID_REUSED) when the request_id was used for something else.
 */
export async function firstAnswer<T>(
  requests: Requests,
  ctx: CallContext,
  codec: Codec<T>,
  now: Date,
  session: mongoose.ClientSession,
): Promise<{ answer: T; events: readonly ChangeEvent[] } | undefined> {
  const _id = requestRecordId(ctx);
  const record = await requests.findOne({ _id }, { session });
  if (record === null) {
    const taken = { _id, digest: ctx.requestDigest, createdAt: now };
    await startOverIfDuplicate(() => requests.insertOne(taken, { session }));
    return undefined;
  }
  if (record.digest !== ctx.requestDigest) throw requestIdReused();
  if (record.answer === undefined) throw new Error('a request record was committed without its answer');
  return { answer: codec.decode(Uint8Array.from(record.answer.buffer)), events: record.events ?? [] };
}

/** Keeps the answer, and the events that a repeat of it has to bump once more. */
export async function keepAnswer<T>(
  requests: Requests,
  ctx: CallContext,
  codec: Codec<T>,
  answer: T,
  events: readonly ChangeEvent[],
  session: mongoose.ClientSession,
): Promise<void> {
  const bytes = new mongoose.mongo.Binary(codec.encode(answer).finish());
  await requests.updateOne({ _id: requestRecordId(ctx) }, { $set: { answer: bytes, events } }, { session });
}

// Per actor, so that nobody can learn or spoil another's answer by guessing a request_id.
function requestRecordId(ctx: CallContext): string {
  const actor = ctx.actor?.principalId ?? ctx.actor?.userId ?? '';
  return hashOf(actor === '' ? `caller ${ctx.caller}` : actor, ctx.rpc, ctx.requestId);
}

function requestIdReused(): AppError {
  const description = 'has been used for a request with other content';
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'REQUEST_ID_REUSED',
    message: `request_id ${description}`,
    violations: [{ field: 'request_id', rule: 'request_id.reused', description }],
  });
}
