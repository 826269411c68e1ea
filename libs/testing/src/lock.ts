import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** Thrown when another living process holds the lock. */
export class LockHeldError extends Error {
  constructor(
    readonly file: string,
    readonly pid: number,
  ) {
    super(`${file} is held by process ${pid}`);
  }
}

export interface Lock {
  release(): void;
}

// A process id alone is not enough: after a reboot it may belong to somebody else.
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // field 22; the command before it may contain spaces
  } catch {
    // no /proc, or no such process: ps tells the two apart
  }
  try {
    return (
      execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim() || undefined
    );
  } catch {
    return undefined;
  }
}

function read(file: string): { text: string; pid: number; started: string | undefined } | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [pid = '', started] = text.split('\n');
  return { text, pid: Number(pid), started };
}

/**
 * Takes the lock `file` for this process, also when the process that took it died without releasing it.
 * @throws LockHeldError when its holder is alive.
 */
export async function acquireLock(file: string): Promise<Lock> {
  const own = `${process.pid}\n${startTime(process.pid) ?? ''}\n${randomUUID()}`;
  const mine = `${file}.${randomUUID()}`;
  writeFileSync(mine, own);
  try {
    // A link appears whole or not at all, and never replaces what is there.
    while (!tryLink(mine, file)) {
      const holder = read(file);
      if (holder === undefined) continue;
      if (holder.started !== undefined && holder.started === startTime(holder.pid))
        throw new LockHeldError(file, holder.pid);
      removeStale(file, holder.text);
      await sleep(20);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    release() {
      if (read(file)?.text === own) rmSync(file, { force: true });
    },
  };
}

function removeStale(file: string, text: string): void {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // somebody else has just removed it
    throw error;
  }
  // Somebody else took the stale lock over in between: give theirs back.
  if (readFileSync(aside, 'utf8') !== text) tryLink(aside, file);
  rmSync(aside, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
