// Builds and installs the Python client as somebody who uses it would get it, and runs its tests and its type check against
// a running suite, by default that of `npm start`. Needs Python and no virtual environment:
//   node tools/python/test-client.mjs [--endpoints FILE] [arguments of pytest]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CACHE, environment, findPython, installed, once, ROOT, runPip } from './python.mjs';

const CLIENT = join(ROOT, 'clients/python');
const SOURCES = ['pyproject.toml', 'README.md', 'src'];

/** Every source file of the client, as path and content, for telling whether it was built already. */
function sources() {
  const below = readdirSync(join(CLIENT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.pyi?$|^py\.typed$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  return [...SOURCES.slice(0, 2).map((name) => join(CLIENT, name)), ...below.sort()].flatMap((file) => [
    file.slice(CLIENT.length),
    readFileSync(file),
  ]);
}

/** Builds a wheel of the client and installs it. Returns the folder, for PYTHONPATH. */
function installClient(python, packages) {
  return once('latchkey-client', [python.flavour, ...sources()], (folder) => {
    const build = `${folder}-build`;
    try {
      // Copied, since setuptools builds inside the source folder and would leave its traces there.
      mkdirSync(build, { recursive: true });
      for (const name of SOURCES) cpSync(join(CLIENT, name), join(build, name), { recursive: true });
      // The pinned setuptools builds it; in isolation pip would fetch another.
      const offline = ['--no-index', '--no-deps'];
      const env = { PYTHONPATH: packages };
      runPip(python, ['wheel', ...offline, '--no-build-isolation', '--wheel-dir', join(build, 'dist'), build], env);
      const [wheel] = readdirSync(join(build, 'dist'));
      runPip(python, ['install', ...offline, '--target', folder, join(build, 'dist', wheel)]);
    } finally {
      rmSync(build, { recursive: true, force: true });
    }
  });
}

function run(python, env, args) {
  const { status, signal, error } = spawnSync(python.executable, args, { cwd: CLIENT, stdio: 'inherit', env });
  if (error) throw error;
  if (status !== 0) throw new Error(`${args[1]} ended with ${signal ?? `exit code ${status}`}.`);
}

try {
  const given = process.argv.slice(2);
  const named = given.indexOf('--endpoints');
  const [, endpoints = '.latchkey/endpoints.json'] = named < 0 ? [] : given.splice(named, 2);
  const python = findPython();
  const packages = installed(python, 'client');
  const client = installClient(python, packages);
  const env = { ...environment(python, [client, packages]), LATCHKEY_ENDPOINTS: resolve(endpoints) };
  // First the client itself; then its user, who must find the types in the installed package.
  for (const checked of ['src', 'tests']) {
    run(python, env, ['-m', 'mypy', '--no-error-summary', '--cache-dir', join(CACHE, 'mypy'), checked]);
  }
  run(python, env, ['-m', 'pytest', '-p', 'no:cacheprovider', '-v', 'tests', ...given]);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
