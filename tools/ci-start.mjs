// The smoke test of .ci/run: `npm start` on this clone plays the tour to its end and stops everything again. On ports of its
// own, so that a quick start of another clone may be up on this machine.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LIMIT_MS = 5 * 60_000;
const DRAIN_MS = 30_000;

/** As many as a start takes, see tools/start/ports.ts. */
const PORTS = 7;

const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, 'localhost', () => server.close(() => resolve(true)));
  });

/** The first of a row of free ports, below those that the system hands out. */
async function freeBase() {
  for (let base = 21_000 + (process.pid % 1_000) * 8; base < 32_000; base += PORTS + 1) {
    const free = await Promise.all(Array.from({ length: PORTS }, (_, index) => isFree(base + index)));
    if (free.every(Boolean)) return String(base);
  }
  throw new Error('this machine has no row of free ports');
}

// A group of its own, so that what the quick start itself has started can be ended with it.
const start = spawn('npm', ['start', '--', '--exit-after-tour'], {
  cwd: ROOT,
  env: { ...process.env, LATCHKEY_PORT_BASE: process.env.LATCHKEY_PORT_BASE ?? (await freeBase()) },
  stdio: ['ignore', 'inherit', 'inherit'],
  detached: true,
});

function signalGroup(signal) {
  try {
    process.kill(-start.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

let late = false;
const limit = setTimeout(() => {
  late = true;
  console.error(`npm start had not ended after ${LIMIT_MS / 60_000} minutes.`);
  signalGroup('SIGTERM');
  setTimeout(() => signalGroup('SIGKILL'), DRAIN_MS).unref();
}, LIMIT_MS);

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signalGroup(signal));

start.once('error', (error) => {
  clearTimeout(limit);
  console.error(`npm start could not be run: ${error.message}`);
  process.exitCode = 1;
});
start.once('exit', (code, signal) => {
  clearTimeout(limit);
  if (code !== 0) console.error(`npm start ended with ${signal ?? `exit code ${code}`}.`);
  process.exitCode = code === 0 && !late ? 0 : 1;
});
