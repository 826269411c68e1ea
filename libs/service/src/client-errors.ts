import { status, type ServiceError } from '@grpc/grpc-js';
import { AppError, type Code, internal } from './errors';
import { fromStatus, type ReceivedDetails } from './status';

const DOMAIN_CODES: ReadonlySet<string> = new Set<Code>([
  'INVALID_ARGUMENT',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'ABORTED',
  'RESOURCE_EXHAUSTED',
]);

const REFUSALS: ReadonlySet<Code> = new Set<Code>([
  'NOT_FOUND',
  'PERMISSION_DENIED',
  'INVALID_ARGUMENT',
  'FAILED_PRECONDITION',
]);

const TRANSIENT: ReadonlySet<string> = new Set<Code>(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED']);

// That we are not let in is a fault in our own deployment, not something that our caller did.
const OUR_FAULT = new Set(['CALLER_NOT_ALLOWED', 'CALLER_REQUIRED']);

/**
 * What another service's error means here. Refusals that it explains are passed on; that it cannot be reached is UNAVAILABLE; all
 * else is INTERNAL, its text for the log alone.
 */
export function fromServiceError(error: ServiceError | null, callee: string): AppError {
  if (!error) return internal(new Error(`${callee} ended without an answer`));
  const name = status[error.code] ?? 'UNKNOWN';
  const received = detailsOf(error);
  const { info } = received;
  const explained = info !== undefined && DOMAIN_CODES.has(name) && !OUR_FAULT.has(info.reason);
  if (explained) return passedOn(name as Code, error.details, received);
  if (TRANSIENT.has(name) || lostConnection(name, error.details)) {
    return new AppError({
      code: 'UNAVAILABLE',
      reason: 'DEPENDENCY_UNAVAILABLE',
      message: 'a dependency cannot be reached at the moment',
      ...(received.retryAfterMs !== undefined && { retryAfterMs: received.retryAfterMs }),
      cause: new Error(`${callee} answered ${name}: ${error.details}`, { cause: error }),
    });
  }
  return internal(new Error(`${callee} answered ${name}: ${error.details}`, { cause: error }));
}

/**
 * Whether the connection broke beneath a call, as when a server has closed it because of too many resets. grpc-js 1.14.7 calls that
 * INTERNAL, in words that have a test.
 */
function lostConnection(name: string, details: string): boolean {
  return name === 'INTERNAL' && details.includes('triggered by internal client error');
}

/** Whether another service has said a definite no, which no repeat will change. */
export function isRefusal(error: unknown): error is AppError {
  return error instanceof AppError && REFUSALS.has(error.code);
}

function passedOn(code: Code, message: string, { info, violations, retryAfterMs }: ReceivedDetails): AppError {
  return new AppError({
    code,
    reason: info?.reason ?? '',
    message,
    metadata: info?.metadata ?? {},
    ...(violations && { violations }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

// Details that cannot be read are as good as none; the error itself still counts.
function detailsOf(error: ServiceError): ReceivedDetails {
  try {
    return fromStatus(error.metadata);
  } catch {
    return { info: undefined, violations: undefined, retryAfterMs: undefined };
  }
}
