import pino, { type Logger } from 'pino';
import { AppError } from './errors';
import { masked } from './secrets';

export type { Logger };

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LoggerOptions {
  /** The process: `key`. */
  readonly name: string;
  /** Default info. */
  readonly level?: LogLevel;
  /** Where finished lines go; default standard output, synchronously, so that a crash loses none. */
  readonly destination?: { write(line: string): void };
}

const SECRET_NAMES = ['key', 'secret', 'authorization', 'password', 'token', 'privateKey', 'macKey'];
const PATHS = SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/**
 * A logger of JSON lines that no secret gets through: fields with a secret's name are redacted, and every finished line is
 * searched for what looks like a key, wherever in it it stands.
 */
export function createLogger({ name, level = 'info', destination }: LoggerOptions): Logger {
  const out = destination ?? pino.destination({ fd: 1, sync: true });
  return pino(
    {
      name,
      level,
      redact: { paths: PATHS, censor: '***' },
      serializers: { err: describeError },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => out.write(masked(line)) },
  );
}

interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: unknown;
  readonly reason?: string;
  readonly cause?: unknown;
}

const MAX_CAUSES = 5;

// Only named properties: drivers hang whole documents and commands on their errors.
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const described: DescribedError = {
    type: error.name,
    message: error.message,
    ...(error.stack && { stack: error.stack }),
    ...('code' in error && { code: error.code }),
    ...(error instanceof AppError && { reason: error.reason }),
    ...(error.cause !== undefined && depth < MAX_CAUSES && { cause: describeError(error.cause, depth + 1) }),
  };
  return described;
}
