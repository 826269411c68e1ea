import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { acquireLock, type Lock, LockHeldError } from '@latchkey/testing';
import { StartError } from './start-error';

const LOCK_FILE = 'lock';

/** Opens `dir` for this start alone. @throws StartError when it cannot be written or another start runs on it. */
export async function openDataFolder(dir: string): Promise<Lock> {
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isDirectory())
    throw new StartError(`${dir} is not a folder: move it away, the data of npm start belongs there.`);
  try {
    mkdirSync(dir, { recursive: true });
    accessSync(dir, constants.W_OK | constants.X_OK);
    return await acquireLock(join(dir, LOCK_FILE));
  } catch (error) {
    if (error instanceof LockHeldError) {
      throw new StartError(
        `Latchkey is running already from this folder (process ${error.pid}). Stop that one first, or use its .latchkey/endpoints.json.`,
      );
    }
    throw new StartError(`${resolve(dir)} cannot be written: ${(error as Error).message}`);
  }
}

/** Removes everything in it but our own lock. */
export function emptyDataFolder(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (name === LOCK_FILE) continue;
    try {
      rmSync(join(dir, name), { recursive: true, force: true });
    } catch (error) {
      throw new StartError(`${join(dir, name)} cannot be removed: ${(error as Error).message}`);
    }
  }
}
