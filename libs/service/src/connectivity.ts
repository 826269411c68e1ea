// Names instead of classes, so that a service without MongoDB or Redis need not carry their drivers.
const NAMES = new Set([
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'MongoServerSelectionError',
  'MongoNotConnectedError',
  'MongoTopologyClosedError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoWaitQueueTimeoutError',
  'MongoOperationTimeoutError',
  'MongoClientClosedError',
  'MongooseServerSelectionError',
  'MaxRetriesPerRequestError',
]);

const SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

// ioredis throws these as plain errors.
const REDIS_MESSAGES = [
  /^Connection is closed\.?$/,
  /^Stream isn't writeable and enableOfflineQueue/,
  /^Command timed out$/,
];

// MongoDB answers "not me, not now" as a server error while it elects a primary or shuts down.
const MONGO_CODES = new Set([91, 189, 10107, 11600, 11602, 13435, 13436]);

const MAX_CAUSES = 5;

/** Whether the error, or one that caused it, says that a store or queue cannot be reached; a repeat may succeed. */
export function unreachable(error: unknown): boolean {
  let current: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth++) {
    if (saysUnreachable(current)) return true;
    current = current.cause ?? brokenBulkWrite(current);
  }
  return false;
}

/** What the driver gave up a write of several documents for: it keeps that in a field of its own. */
function brokenBulkWrite(error: Error): unknown {
  return error.name === 'MongoBulkWriteError' && 'errorResponse' in error ? error.errorResponse : undefined;
}

function saysUnreachable(error: Error): boolean {
  if (NAMES.has(error.name)) return true;
  const code: unknown = 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && SYSTEM_CODES.has(code)) return true;
  if (typeof code === 'number' && error.name.startsWith('Mongo') && MONGO_CODES.has(code)) return true;
  if (REDIS_MESSAGES.some((pattern) => pattern.test(error.message))) return true;
  // The driver's own "repeat the whole transaction": the commit did not happen, and its retries are used up.
  return (
    'errorLabels' in error &&
    Array.isArray(error.errorLabels) &&
    error.errorLabels.includes('TransientTransactionError')
  );
}
