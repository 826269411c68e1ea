// Writes the clients in other languages from proto/; one of the generators of tools/generate.mjs (`npm run generate`).
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { environment, findPython, installed, ROOT } from './python/python.mjs';

const PACKAGE = 'clients/python/src/latchkey';

/** What generatePythonClient owns: all that lies there is generated. */
export const PYTHON_CLIENT_OWNS = ['audit', 'identity', 'key', 'role'].map((name) => `${PACKAGE}/${name}`);

/**
 * Generates the messages, stubs and types of the Python client below `into`, at the paths of the repository.
 * @throws a plain sentence when there is no Python for it, or its generators cannot be installed.
 */
export function generatePythonClient(into) {
  const python = findPython();
  execFileSync(
    join(ROOT, 'node_modules/.bin/buf'),
    ['generate', '--template', 'buf.gen.clients.yaml', '--output', into],
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env: environment(python, [installed(python, 'generate')]) },
  );
  for (const path of PYTHON_CLIENT_OWNS) {
    const folders = readdirSync(join(into, path), { recursive: true, withFileTypes: true }).map(
      (entry) => entry.parentPath,
    );
    for (const folder of new Set([join(into, path), ...folders])) {
      const marker = join(folder, '__init__.py');
      if (!existsSync(marker)) writeFileSync(marker, '');
    }
  }
}

/** Whether a Python for the generator is to be had; says so on stderr when not. */
export function pythonAvailable() {
  try {
    findPython();
    return true;
  } catch (error) {
    console.error(`Python client: NOT RUN, ${error.message}`);
    return false;
  }
}
