// Installs node_modules when it is missing or is not what package-lock.json says. Plain node: it runs before any
// dependency exists. `node tools/install.mjs` does it by hand.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PROGRESS_EVERY_MS = 10_000;

/** Throws a plain sentence when this Node is older than package.json's `engines` allows. */
export function requireNode() {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const [major, minor] = engines.node.replace('>=', '').split('.').map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return;
  throw new Error(`Latchkey needs Node ${engines.node}, this is ${process.versions.node}.`);
}

/**
 * Why node_modules is not what the lock says, or undefined when it is. Compares with the list that npm leaves in
 * node_modules after each complete installation, so an interrupted one counts as missing.
 */
export function whyInstall() {
  const installedList = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installedList)) return 'node_modules is missing or incomplete';
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedList, 'utf8')).packages;
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    // Optional ones are there only for this platform.
    if (found ? found.version !== version : !optional) return `package-lock.json has changed (${path})`;
  }
  return undefined;
}

/**
 * Makes node_modules match the lock, telling `log` why and how long it takes. Resolves at once when it does already.
 * Rejects with a plain sentence when Node is too old or npm fails.
 */
export async function ensureInstalled(log = console.log) {
  requireNode();
  const why = whyInstall();
  if (!why) return;
  log(`Installing dependencies: ${why}.`);
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const progress = setInterval(() => log(`  still installing (${seconds()} s)`), PROGRESS_EVERY_MS);
  try {
    await run('npm', ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund']);
  } finally {
    clearInterval(progress);
  }
  log(`Dependencies installed in ${seconds()} s.`);
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', (cause) => reject(new Error(`${command} could not be started: ${cause.message}`, { cause })));
    child.once('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args[0]} failed (${signal ?? `exit code ${code}`}).`)),
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await ensureInstalled();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
