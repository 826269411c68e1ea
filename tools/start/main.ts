import { join } from 'node:path';
import {
  type Engine,
  EngineError,
  type Log,
  ProcessFailedError,
  repositoryRoot,
  startDatabase,
  startRedis,
  startSuite,
  stopChildren,
} from '@latchkey/testing';
import { emptyDataFolder, openDataFolder } from './data-folder';
import { describe, removeEndpoints, writeEndpoints } from './endpoints';
import { checkPorts, choosePorts } from './ports';
import { StartError } from './start-error';

export interface StartOptions {
  tour: boolean;
  /** Stop after the tour instead of staying up. */
  exitAfterTour: boolean;
  reset: boolean;
}

class Interrupted extends Error {}

const log: Log = (line) => console.log(line);

/** Starts everything, plays the tour, and stays up until a signal or until a process dies. Answers the exit code; nothing is left running then. */
export async function main(options: StartOptions): Promise<number> {
  const dir = join(repositoryRoot, '.latchkey');
  const started: { what: string; stop: () => void | Promise<void> }[] = [];
  let up = false;
  let end: (reason: Error) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => (end = reject));
  // Ctrl-C reaches npm, its shell and us, and npm passes it on as well: the first counts, the others are the same one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(new Interrupted(signal)));
  const died = (engine: Engine, what: string): void =>
    void engine.exited.then(() => end(new StartError(`${what} ended unexpectedly; its log is ${engine.logFile}`)));

  async function startAll(): Promise<void> {
    refuseResetOfForeignServers(options);
    const ports = choosePorts(process.env.LATCHKEY_PORT_BASE);
    const lock = await openDataFolder(dir);
    started.push({ what: '', stop: () => lock.release() });
    await checkPorts(ports, { database: Boolean(process.env.MONGODB_URI), redis: Boolean(process.env.REDIS_URL) });
    if (options.reset) emptyDataFolder(dir);
    removeEndpoints(dir);

    const database = await startDatabase({ dir: join(dir, 'db'), port: ports.database, log });
    started.push({ what: 'database', stop: () => database.stop() });
    died(database, 'the database');
    const redis = await startRedis({ dir: join(dir, 'redis'), port: ports.redis, log });
    started.push({ what: 'redis', stop: () => redis.stop() });
    died(redis, 'redis');
    const suite = await startSuite({
      dir,
      ports,
      keyReplicas: 2,
      database,
      redis,
      log,
      onUnexpectedExit: (each) =>
        end(new StartError(`${each.name} ended unexpectedly; its log is ${each.logFile}\n${each.tail()}`)),
    });
    started.push({ what: 'services', stop: () => suite.stop() });
    const endpointsFile = writeEndpoints(dir, suite, redis.uri);
    started.push({ what: '', stop: () => removeEndpoints(dir) });
    if (options.tour) {
      const { runTour } = await import('../tour/tour');
      await runTour({ endpointsFile, redisUrl: redis.uri, log });
    }
    up = true;
    if (!options.exitAfterTour) log(`\n${describe(dir, suite)}`);
  }

  let code: number;
  try {
    await Promise.race([startAll().then(() => (options.exitAfterTour ? undefined : ended)), ended]);
    code = 0;
  } catch (error) {
    code = report(error, up);
  }
  for (const { what, stop } of started.reverse()) {
    if (what !== '') log(`stopping ${what}`);
    try {
      await stop();
    } catch (error) {
      console.error(error);
      code = 1;
    }
  }
  // What a step had started when it was interrupted is on no list of ours yet.
  await stopChildren();
  if (started.some(({ what }) => what !== '')) log('stopped; the data is kept in .latchkey');
  return code;
}

function refuseResetOfForeignServers(options: StartOptions): void {
  const named = ['MONGODB_URI', 'REDIS_URL'].filter((name) => process.env[name]);
  if (options.reset && named.length > 0) {
    throw new StartError(
      `--reset empties .latchkey only, not the servers named by ${named.join(' and ')}: empty those yourself and start without it.`,
    );
  }
}

/** Says why it ends; answers the exit code. */
function report(error: unknown, up: boolean): number {
  if (error instanceof Interrupted) {
    log(`\n${error.message}: stopping everything in order`);
    return up ? 0 : 130;
  }
  if (error instanceof EngineError) {
    const hint = error.dataSuspected
      ? '\nIf the data in .latchkey is broken, start from empty: npm start -- --reset'
      : '';
    console.error(`\n${error.message}${hint}`);
  } else if (error instanceof StartError || error instanceof ProcessFailedError) {
    console.error(`\n${error.message}`);
  } else {
    console.error('\nnpm start failed:', error);
  }
  return 1;
}
