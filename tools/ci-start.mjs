// The smoke test of .ci/run: `npm start` on this clone plays the tour to its end and stops everything again.
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const LIMIT_MS = 5 * 60_000;
const DRAIN_MS = 30_000;

// A group of its own, so that what the quick start itself has started can be ended with it.
const start = spawn('npm', ['start', '--', '--exit-after-tour'], {
  cwd: ROOT,
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
