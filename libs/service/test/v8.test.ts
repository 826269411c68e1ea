import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '@latchkey/testing';

const dir = mkdtempSync(join(tmpdir(), 'latchkey-v8-'));

afterAll(() => rmSync(dir, { recursive: true }));

/** How V8 adds each computed property of an object of process.nextTick, after full collections. */
function waysOfAdding(): string[] {
  // V8 prints by itself, and waits for no pipe.
  const path = join(dir, 'printed');
  const printed = openSync(path, 'w');
  const { status } = spawnSync(
    process.execPath,
    ['--expose-gc', '--allow-natives-syntax', '--import', 'tsx', join(__dirname, 'ticks-main.ts')],
    { cwd: repositoryRoot, stdio: ['ignore', printed, 'inherit'] },
  );
  closeSync(printed);
  expect(status).toBe(0);
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/DefineKeyedOwnPropertyInLiteral (\w+)/g)].map(([, way = '']) => way);
}

test('a tick costs after full collections what it did before', () => {
  const ways = waysOfAdding();
  expect(ways.length).toBeGreaterThan(1);
  expect(new Set(ways)).toEqual(new Set(['MONOMORPHIC']));
});
