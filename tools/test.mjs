// `npm test`: installs what is missing, builds what is stale, runs jest with the arguments given, and ends with the line
// "N passed, N failed". Plain node: it runs before any dependency exists.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './install.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const SUMMARY = join(ROOT, '.cache', 'test-summary.json');
const JEST_LIMIT_MS = 40 * 60_000;
// How long jest may take to end after its last test. A gRPC server that a test forgot keeps it up for ever.
const EXIT_LIMIT_MS = 30_000;
const KILL_AFTER_MS = 5_000;

/** Runs jest and resolves with what went wrong with the run as a whole, or undefined. */
function runJest(args) {
  return new Promise((resolve) => {
    const jest = spawn(process.execPath, [join(ROOT, 'node_modules/jest/bin/jest.js'), ...args], {
      cwd: ROOT,
      stdio: 'inherit',
    });
    let problem;
    const stop = (why) => {
      if (problem) return;
      problem = why;
      jest.kill('SIGTERM');
      setTimeout(() => jest.kill('SIGKILL'), KILL_AFTER_MS).unref();
    };
    const started = Date.now();
    let finished;
    const watch = setInterval(() => {
      finished ??= existsSync(SUMMARY) ? Date.now() : undefined;
      if (finished && Date.now() - finished > EXIT_LIMIT_MS) stop('jest did not end: a test left something open');
      if (Date.now() - started > JEST_LIMIT_MS) stop(`jest took longer than ${JEST_LIMIT_MS / 60_000} minutes`);
    }, 500);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop(`stopped by ${signal}`));
    jest.once('error', (error) => {
      clearInterval(watch);
      resolve(`jest could not be started: ${error.message}`);
    });
    jest.once('exit', (code, signal) => {
      clearInterval(watch);
      resolve(problem ?? (code === 0 ? undefined : `jest ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** The counts to report. `problem` is what went wrong with the run as a whole. */
function verdict(problem, byName) {
  const { passed, failed, skipped } = existsSync(SUMMARY)
    ? JSON.parse(readFileSync(SUMMARY, 'utf8'))
    : { passed: 0, failed: 0, skipped: 0 };
  // A test that does not run protects nothing, so it counts as failed; unless the names were picked by hand.
  const notRun = byName ? 0 : skipped;
  if (notRun > 0) console.error(`${notRun} tests were skipped: counted as failed.`);
  if (problem && !(failed > 0 && problem.includes('exit code'))) console.error(problem);
  const bad = failed + notRun;
  if (passed + bad === 0) console.error('No test was run.');
  return { passed, failed: bad === 0 && (problem || passed === 0) ? 1 : bad };
}

async function main(args) {
  await ensureInstalled();
  const build = spawnSync(process.execPath, [join(ROOT, 'tools/build.mjs'), '--if-stale'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  if (build.status !== 0) {
    console.error('The build failed, so no test was run.');
    return { passed: 0, failed: 1 };
  }
  rmSync(SUMMARY, { force: true });
  const problem = await runJest(args);
  return verdict(
    problem,
    args.some((arg) => /^(-t|--testNamePattern)(=|$)/.test(arg)),
  );
}

let result;
try {
  result = await main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  result = { passed: 0, failed: 1 };
}
console.log(`${result.passed} passed, ${result.failed} failed`);
process.exitCode = result.failed === 0 ? 0 : 1;
