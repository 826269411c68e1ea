import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Watermark } from '../protocol';
import { higher, type MarkPlace, parsedMark } from './mark-place';

const FILE = 'epoch-mark.json';

/**
 * A folder that outlives the process. Who can write there is trusted, so the mark carries no MAC, and it is believed even where
 * the database has lost everything.
 * @throws Error when the folder cannot be made or written to, or holds a mark that cannot be read
 */
export async function folderPlace(dir: string): Promise<MarkPlace> {
  const path = join(dir, FILE);
  const read = async (): Promise<Watermark | undefined> => {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const mark = parsedMark(text);
    // Whoever starts all the same may bring back what had been revoked: that is for people to decide.
    if (mark === undefined) throw new Error(`${path} holds no mark of the epoch; remove it to forget what it was`);
    return { generation: mark.generation, seq: mark.seq };
  };
  const write = async ({ generation, seq }: Watermark): Promise<void> => {
    const beside = `${path}.${randomBytes(6).toString('hex')}`;
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ generation, seq })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  };
  await mkdir(dir, { recursive: true });
  const place: MarkPlace = {
    name: `the folder ${dir}`,
    read,
    async keep(mark) {
      const found = await read();
      if (found !== undefined && higher(found, mark) === found) return found;
      await write(mark);
      return undefined;
    },
  };
  // Rather at the start than when it is needed.
  const found = await read();
  if (found) await write(found);
  return place;
}
