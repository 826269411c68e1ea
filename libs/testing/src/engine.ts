import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Child, describeExit, type Exit } from './child';

/** Receives one line of progress, without a newline. */
export type Log = (line: string) => void;

/** An engine could not be had, and its message is a sentence for people that says why and what to do. */
export class EngineError extends Error {
  /** @param dataSuspected whether the data in its folder may be the cause, so that starting from empty may help */
  constructor(
    message: string,
    readonly dataSuspected = false,
  ) {
    super(message);
  }
}

export type EngineKind = 'external' | 'path' | 'download' | 'embedded';

/** A database or Redis that is ready for use. */
export interface Engine {
  readonly uri: string;
  /** Where it came from: named by the environment, found on PATH, downloaded, or the pinned embedded one. */
  readonly kind: EngineKind;
  /** Undefined when it is external: we neither started it nor stop it. */
  readonly pid: number | undefined;
  readonly logFile: string | undefined;
  /** Settles when the process has ended. Never settles for an external engine. */
  readonly exited: Promise<Exit>;
  /** SIGTERM, then SIGKILL after 15 s. Does nothing to an external engine. */
  stop(): Promise<void>;
}

export interface EngineOptions {
  /** Data and log live here; a later start with the same folder finds the data again. */
  dir: string;
  /** A free one if not given. */
  port?: number;
  log: Log;
  /** Where MONGODB_URI, REDIS_URL, LATCHKEY_PYTHON and PATH are looked up. */
  env?: NodeJS.ProcessEnv;
}

export function externalEngine(uri: string): Engine {
  return {
    uri,
    kind: 'external',
    pid: undefined,
    logFile: undefined,
    exited: new Promise(() => undefined),
    stop: () => Promise.resolve(),
  };
}

export function startedEngine(uri: string, kind: EngineKind, child: Child): Engine {
  return {
    uri,
    kind,
    pid: child.pid,
    logFile: child.logFile,
    exited: child.exited,
    stop: async () => void (await child.stop(15_000)),
  };
}

/** Absolute path of the first of these commands on PATH. */
export function onPath(names: string[], env: NodeJS.ProcessEnv): string | undefined {
  for (const name of names) {
    for (const folder of (env.PATH ?? '').split(delimiter)) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // not in this folder
      }
    }
  }
  return undefined;
}

/**
 * The folder for an engine's files, marked with the product that writes it: two products that share a storage format would otherwise
 * damage each other's data on a machine where the choice changes.
 */
export function dataFolder(dir: string, product: string): string {
  mkdirSync(dir, { recursive: true });
  const marker = join(dir, 'product');
  const previous = existsSync(marker) ? readFileSync(marker, 'utf8').trim() : product;
  if (previous !== product) {
    throw new EngineError(
      `the data in ${dir} was written by ${previous}, and now ${product} was chosen: start from empty, or make ${previous} available again.`,
      true,
    );
  }
  writeFileSync(marker, `${product}\n`);
  const data = join(dir, 'data');
  mkdirSync(data, { recursive: true });
  return data;
}

/**
 * Waits until `ready` answers, while watching that the process does not end.
 * @throws EngineError with the end of its log when it ends early or is not ready within 60 s.
 */
export async function waitUntilReady<T>(child: Child, ready: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + 60_000;
  while (performance.now() < end) {
    const answer = await ready();
    if (answer !== undefined) return answer;
    if (!child.running) {
      const exit = await child.exited;
      throw new EngineError(
        `${describeExit(child.name, exit)} before it was ready. The end of ${child.logFile}:\n${child.tail()}`,
        true,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await child.stop(5_000);
  throw new EngineError(`${child.name} was not ready within 60 s. The end of ${child.logFile}:\n${child.tail()}`, true);
}

/** The URI without what may be a password. */
export function redact(uri: string): string {
  return uri.replace(/\/\/[^@/]*@/, '//***@');
}
