import { tuneV8 } from './v8';
import { ConfigError } from './config';
import { masked } from './secrets';
import { createLogger, type Logger } from './logger';

export interface RunningApp {
  /** Drains and closes everything. Must be bounded; runMain gives it 30 s. */
  stop(): Promise<void>;
}

const STOP_LIMIT_MS = 30_000;

/**
 * Runs a process: starts the app, stops it once on SIGTERM or SIGINT and exits 0. A start that fails prints one readable
 * line on standard error and exits 1; so does, with a fatal log line, an error that nobody handled or a stop that hangs.
 */
export function runMain(name: string, start: (log: Logger) => Promise<RunningApp>): void {
  tuneV8();
  const log = createLogger({ name });
  let stopping = false;

  const die = (why: string) => (error: unknown) => {
    log.fatal({ err: error }, why);
    process.exit(1);
  };
  // The state behind an unhandled error is unknown; a supervisor starts a fresh process.
  process.on('unhandledRejection', die('unhandled rejection'));
  process.on('uncaughtException', die('uncaught exception'));

  // Not before the handlers of signals are in place, below.
  const started = Promise.resolve().then(() => start(log));
  started.catch((error: unknown) => {
    process.stderr.write(`latchkey ${name} cannot start: ${oneLine(error)}\n`);
    process.exit(1);
  });

  const stop = (signal: string) => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.fatal('the stop took too long');
      process.exit(1);
    }, STOP_LIMIT_MS).unref();
    // A signal during the start waits for its end: half-started things cannot be stopped in order.
    started
      .then((app) => app.stop())
      .then(() => {
        log.info('stopped');
        process.exit(0);
      })
      .catch(die('the stop failed'));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  // A list of configuration problems is the exception that needs its lines.
  return masked(error instanceof ConfigError ? message : (message.split('\n')[0] ?? ''));
}
