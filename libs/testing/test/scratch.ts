import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that is removed after the tests of the file. */
export function scratchFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-test-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}
