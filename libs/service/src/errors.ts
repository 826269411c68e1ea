import { masked } from './secrets';
import { unreachable } from './connectivity';

/** The statuses that this system answers with, by their gRPC names. */
export type Code =
  | 'INVALID_ARGUMENT'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'INTERNAL';

/** One broken rule of one request field. */
export interface FieldViolation {
  /** Path as written in the proto: `members[2].role_id`. */
  readonly field: string;
  /** Id of the rule, `string.pattern`. */
  readonly rule: string;
  /** What would have been right, for a person to read. Never holds the value of a secret field. */
  readonly description: string;
}

export interface AppErrorOptions {
  readonly code: Code;
  /** Machine-readable cause, UPPER_SNAKE_CASE, unique within the domain. */
  readonly reason: string;
  /** For a person. Leaves the process, except with code INTERNAL: no secrets, nothing of another tenant. */
  readonly message: string;
  /** Leaves the process too, as ErrorInfo.metadata; keys in snake_case. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly FieldViolation[];
  /** When a repeat may succeed, in milliseconds. UNAVAILABLE has one always. */
  readonly retryAfterMs?: number;
  /** Stays in the process; logged with INTERNAL and UNAVAILABLE. */
  readonly cause?: unknown;
}

/** An error that is an answer: the only kind whose words reach the caller. */
export class LatchkeyError extends Error {
  override readonly name = 'LatchkeyError';
  readonly code: Code;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[] | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(options: AppErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.reason = options.reason;
    this.metadata = options.metadata ?? {};
    this.violations = options.violations;
    this.retryAfterMs = options.retryAfterMs ?? (options.code === 'UNAVAILABLE' ? DEFAULT_RETRY_MS : undefined);
  }
}

// Its own name is what users of the SDK and readers of logs see; the code of the services calls it theirs.
export { LatchkeyError as AppError };

const DEFAULT_RETRY_MS = 500;

export function internal(cause: unknown): LatchkeyError {
  return new LatchkeyError({ code: 'INTERNAL', reason: 'INTERNAL', message: 'internal error', cause });
}

export function invalid(violations: readonly FieldViolation[]): LatchkeyError {
  const fields = [...new Set(violations.map((v) => v.field))];
  return new LatchkeyError({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_REQUEST',
    // A repeated field can break a rule many times; the sentence stays one that can be read.
    message: masked(`the request is malformed: ${fields.slice(0, 8).join(', ')}${fields.length > 8 ? ', …' : ''}`),
    violations,
  });
}

/**
 * What an error means to the caller. A LatchkeyError is its own answer; a store or queue that cannot be reached is UNAVAILABLE;
 * everything else is a fault of ours, whose text and code (MongoDB's 11000 is an integer too) say nothing to anybody outside.
 */
export function toAppError(error: unknown): LatchkeyError {
  if (error instanceof LatchkeyError) return error;
  if (unreachable(error)) {
    return new LatchkeyError({
      code: 'UNAVAILABLE',
      reason: 'DEPENDENCY_UNAVAILABLE',
      message: 'a dependency cannot be reached at the moment',
      cause: error,
    });
  }
  return internal(error);
}
