import { type FileHandle, open } from 'node:fs/promises';

interface Line {
  readonly time: string;
  readonly events: readonly string[];
}

const PORTION = 1 << 16;

/** Follows what services log about their changes: when each was told to the replicas, its bump. */
export class Announcements {
  readonly #files: readonly LogFile[];
  /** Epoch ms, by what was changed. */
  readonly #times = new Map<string, number[]>();
  #reading = Promise.resolve();

  constructor(logFiles: readonly string[]) {
    this.#files = logFiles.map((path) => new LogFile(path));
  }

  /** The first announcement of a change in a span of time, epoch ms; undefined if nobody has logged one. */
  async find(changed: string, from: number, to: number): Promise<number | undefined> {
    // What is asked for was logged before its mutation was acknowledged: what the files hold now is enough.
    this.#reading = this.#reading.then(() => this.#read());
    await this.#reading;
    return this.#times.get(changed)?.find((time) => time >= from && time <= to);
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }

  async #read(): Promise<void> {
    for (const file of this.#files) {
      for (const text of await file.lines()) {
        if (!text.includes('"msg":"announced"')) continue;
        const { time, events } = JSON.parse(text) as Line;
        for (const event of events) {
          const times = this.#times.get(event) ?? [];
          times.push(Date.parse(time));
          this.#times.set(event, times);
        }
      }
    }
  }
}

/** A file that is written to by somebody else. */
class LogFile {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #position = 0;
  #rest = '';

  constructor(path: string) {
    this.#path = path;
  }

  /** The whole lines since the last time. A line that a killed process has not finished is lost with the one after it. */
  async lines(): Promise<string[]> {
    this.#handle ??= await open(this.#path);
    const lines: string[] = [];
    for (;;) {
      const { bytesRead, buffer } = await this.#handle.read(Buffer.alloc(PORTION), 0, PORTION, this.#position);
      if (bytesRead === 0) return lines.filter((line) => line.startsWith('{') && line.endsWith('}'));
      this.#position += bytesRead;
      // Logs are ASCII wherever it matters here: a character that is cut in two does no harm.
      const parts = (this.#rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
      this.#rest = parts.pop() ?? '';
      lines.push(...parts);
    }
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}
