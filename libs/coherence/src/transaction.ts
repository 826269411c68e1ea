import { createHash } from 'node:crypto';
import { AppError, type CallContext } from '@latchkey/service';
import mongoose from 'mongoose';
import { settledWithin } from './bounded';
import { DURABLE } from './collections';

const TRANSIENT = 'TransientTransactionError';
const UNKNOWN_RESULT = 'UnknownTransactionCommitResult';
const DUPLICATE_KEY = 11000;

/** Time to send the answer in, so that "the result is unknown" arrives before the caller has given up: ms. */
const ANSWER_MARGIN_MS = 200;

/**
 * Runs `attempt` in one transaction on a snapshot, durable on a majority, within the call's deadline. Conflicts with
 * other transactions are resolved by running it again, so all its effects belong into the session.
 * @throws AppError UNAVAILABLE (COMMIT_UNKNOWN) when the commit was sent and no answer to it was had; whatever `attempt`
 * throws, after an abort; DEADLINE_EXCEEDED, shortly before the deadline, and the reason of `ctx.signal` between two
 * attempts, when nothing was changed.
 */
export async function inTransaction<T>(
  connection: mongoose.Connection,
  ctx: CallContext,
  attempt: (session: mongoose.ClientSession) => Promise<T>,
): Promise<T> {
  const remainingMs = ctx.deadline - Date.now();
  if (remainingMs <= 0) throw deadlineExceeded();
  const limitMs = remainingMs - Math.min(ANSWER_MARGIN_MS, remainingMs / 10);
  let givenUp = false;
  let commitMayHaveBeenSent = false;
  const session = connection.getClient().startSession();
  const work = session.withTransaction(
    async () => {
      commitMayHaveBeenSent = false;
      if (givenUp) throw deadlineExceeded();
      ctx.signal.throwIfAborted();
      const result = await attempt(session);
      // What was given up must not be committed behind the caller's back.
      if (givenUp) throw deadlineExceeded();
      commitMayHaveBeenSent = true;
      return result;
    },
    {
      readConcern: { level: 'snapshot' },
      writeConcern: DURABLE,
      readPreference: 'primary',
      // 0 would mean "for ever".
      maxCommitTimeMS: Math.max(1, Math.floor(limitMs)),
    },
  );
  const ended = work.finally(() => session.endSession());
  try {
    const settled = await settledWithin(ended, limitMs);
    if (settled !== undefined) return settled.value;
  } catch (error) {
    if (commitMayHaveBeenSent && !surelyAborted(error)) throw commitUnknown(error);
    throw error;
  }
  givenUp = true;
  const error = commitMayHaveBeenSent ? commitUnknown(undefined) : deadlineExceeded();
  ended.catch((err: unknown) => ctx.log.debug({ err }, 'a transaction that was given up has ended'));
  throw error;
}

function surelyAborted(error: unknown): boolean {
  return (
    error instanceof mongoose.mongo.MongoError && error.hasErrorLabel(TRANSIENT) && !error.hasErrorLabel(UNKNOWN_RESULT)
  );
}

function deadlineExceeded(): AppError {
  return new AppError({
    code: 'DEADLINE_EXCEEDED',
    reason: 'DEADLINE_EXCEEDED',
    message: 'the deadline has passed; nothing was changed',
  });
}

function commitUnknown(cause: unknown): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'COMMIT_UNKNOWN',
    message: 'it is not known whether the change was made: repeat with the same request_id',
    cause,
  });
}

/**
 * Runs a write whose duplicate key means that another transaction has just done the same: this one then starts over and
 * sees it.
 */
export async function startOverIfDuplicate<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof mongoose.mongo.MongoServerError && error.code === DUPLICATE_KEY) {
      error.addErrorLabel(TRANSIENT);
    }
    throw error;
  }
}

/** SHA-256 of the parts, hex. The parts are kept apart, so that no two lists share an id. */
export function hashOf(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
