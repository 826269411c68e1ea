import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DryMongoBinary, MongoBinary } from 'mongodb-memory-server-core';
import { MongoBinaryDownloadUrl } from 'mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl';
import type { Log } from './engine';
import { repositoryRoot } from './root';

const PROBE_MS = 3_000;
/** How long "not reachable" is remembered, so that a run of many test files asks once and not once per file. */
const REMEMBER_MS = 10 * 60_000;
const downloadDir = join(repositoryRoot, '.cache/mongod');
const memory = join(repositoryRoot, '.cache/mongod-unreachable');

/** A real mongod of an earlier download, or of one made now where its server is reachable; otherwise why not. */
export async function downloadedMongod(log: Log): Promise<{ path: string } | { reason: string }> {
  mkdirSync(downloadDir, { recursive: true });
  const remembered = recall();
  if (remembered !== undefined) return { reason: remembered };
  try {
    const options = await DryMongoBinary.generateOptions({ downloadDir });
    const present = await DryMongoBinary.locateBinary(options);
    if (present !== undefined) return { path: present };
    const url = await new MongoBinaryDownloadUrl(options).getDownloadUrl();
    const answer = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(PROBE_MS) });
    if (!answer.ok) return remember(`a real mongod cannot be downloaded (the server answers ${answer.status})`);
    log(`downloading MongoDB ${options.version}, once`);
    return { path: await MongoBinary.getPath(options) };
  } catch (error) {
    // Whatever stands in the way (no network, no build for this system) is told to the user by the caller.
    return remember(`a real mongod cannot be downloaded (${reasonOf(error)})`);
  }
}

/** "fetch failed" says nothing; its cause does. Not by instanceof: under jest, errors of Node's own code have another Error class. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return cause?.message ?? message ?? String(error);
}

function remember(reason: string): { reason: string } {
  writeFileSync(memory, JSON.stringify({ at: Date.now(), reason }));
  return { reason };
}

function recall(): string | undefined {
  if (!existsSync(memory)) return undefined;
  try {
    const { at, reason } = JSON.parse(readFileSync(memory, 'utf8')) as { at: number; reason: string };
    return Date.now() - at < REMEMBER_MS
      ? `${reason}, as found ${Math.round((Date.now() - at) / 1000)} s ago`
      : undefined;
  } catch {
    return undefined; // written by halves by another process: ask again
  }
}
