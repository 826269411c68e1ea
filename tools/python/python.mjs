// Finds a Python and installs the pinned packages of tools/python/NAME.txt for it below .cache/, with the pip of
// tools/engine/vendor: Debian's Python has neither pip nor venv.
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const FOLDER = dirname(fileURLToPath(import.meta.url));
export const ROOT = dirname(dirname(FOLDER));
export const CACHE = join(ROOT, '.cache');

/** Names of the sets of requirements: NAME.in says what is wanted, NAME.txt pins it with hashes. */
export const REQUIREMENTS = ['generate', 'client'];
/** Versions of CPython whose wheels are pinned, oldest first. */
export const SUPPORTED = ['3.11', '3.12', '3.13'];

const DESCRIBE =
  'import sys, platform; v = sys.version_info; ' +
  'print(sys.executable, sys.implementation.name, f"{v[0]}.{v[1]}", sys.platform, platform.machine(), sep="\\n")';

/** @returns {{ executable: string, version: string, flavour: string } | undefined} undefined when there is no such command. */
function describe(command) {
  try {
    const options = { encoding: 'utf8', timeout: 20_000, stdio: ['ignore', 'pipe', 'ignore'] };
    const [executable, implementation, version, ...machine] = execFileSync(command, ['-I', '-c', DESCRIBE], options)
      .trim()
      .split('\n');
    return { executable, version, flavour: [implementation, version, ...machine].join('-') };
  } catch {
    return undefined; // not there, or a shim that leads nowhere
  }
}

/**
 * The Python to use: LATCHKEY_PYTHON, or the first of the usual names that is a supported CPython.
 * @throws a plain sentence when there is none.
 */
export function findPython() {
  const configured = process.env.LATCHKEY_PYTHON;
  const usual = ['python3', ...SUPPORTED.map((version) => `python${version}`).reverse(), '/usr/bin/python3'];
  const seen = [];
  for (const command of configured ? [configured] : usual) {
    const found = describe(command);
    if (found?.flavour.startsWith('cpython-') && SUPPORTED.includes(found.version)) return found;
    seen.push(`${command}: ${found?.flavour ?? 'not found'}`);
  }
  throw new Error(
    `the Python client needs CPython ${SUPPORTED.join(', ')}, and none was found (${seen.join(', ')}). ` +
      'Install python3, or name one with LATCHKEY_PYTHON.',
  );
}

/** The arguments with which a Python runs the vendored pip. */
export function pip() {
  const vendor = join(ROOT, 'tools/engine/vendor');
  const wheel = readdirSync(vendor).find((file) => /^pip-.*\.whl$/.test(file));
  if (!wheel) throw new Error('tools/engine/vendor holds no wheel of pip: this clone is incomplete.');
  return ['-I', join(vendor, wheel, 'pip')];
}

/**
 * Runs pip with all of the caller's environment, which may configure an index, a proxy or certificates.
 * @throws with pip's own words when it fails.
 */
export function runPip(python, args, env = {}) {
  try {
    execFileSync(python.executable, [...pip(), ...args, '--quiet', '--disable-pip-version-check', '--no-input'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      // A rule to install for the user, or only in a virtual environment, would contradict --target.
      env: { ...process.env, PIP_USER: '0', PIP_REQUIRE_VIRTUALENV: '0', ...env },
    });
  } catch (cause) {
    throw new Error(`pip ${args[0]} failed with ${python.flavour}:\n${cause.stderr || cause.message}`, { cause });
  }
}

/**
 * Fills the folder .cache/NAME-HASH once: `fill(folder)` writes to a folder of its own, which is then moved into place, so
 * that two processes that do it at the same time do not disturb each other, and an interrupted one leaves nothing.
 * @returns {string} the folder
 */
export function once(name, ingredients, fill) {
  const hash = createHash('sha256');
  for (const ingredient of ingredients) hash.update(ingredient).update('\0');
  const folder = join(CACHE, `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = `${folder}.${randomUUID()}`;
  try {
    fill(unfinished);
    renameSync(unfinished, folder);
  } catch (error) {
    // Another process may have been first; a folder that is there is whole.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/**
 * Installs a set of requirements, unless it is there: about 10 s and up to 115 MB, once per clone, Python and set.
 * @returns {string} the folder, for PYTHONPATH
 */
export function installed(python, name) {
  const requirements = join(FOLDER, `${name}.txt`);
  return once(`python-${name}`, [readFileSync(requirements), python.flavour], (folder) => {
    console.log(`Installing the packages of tools/python/${name}.txt for ${python.flavour}, once.`);
    const pinned = ['--require-hashes', '--no-deps', '--only-binary', ':all:', '-r', requirements];
    runPip(python, ['install', '--no-warn-script-location', '--target', folder, ...pinned]);
  });
}

/** The environment in which a Python finds these folders' packages, and neither the user's nor the current folder's. */
export function environment(python, folders) {
  return {
    ...process.env,
    LATCHKEY_PYTHON: python.executable,
    PYTHONPATH: folders.join(':'),
    PYTHONNOUSERSITE: '1',
    PYTHONSAFEPATH: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}
