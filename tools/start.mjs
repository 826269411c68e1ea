// npm start. Plain Node without a dependency, because it runs before anything is installed: checks, installs and builds what is
// missing or outdated, then hands over to tools/start/main.ts in this same process, so that no signal needs forwarding.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './install.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const HELP = `npm start [-- OPTIONS]

Installs what is missing, starts an embedded database and Redis, identity, role, key (two replicas) and
worker over mTLS, plays the tour and stays up until Ctrl-C.

  --no-tour           do not play the tour
  --exit-after-tour   stop everything after the tour instead of staying up
  --reset             start from empty: removes the data in .latchkey/
  --help              print this

Environment:
  LATCHKEY_PORT_BASE   first of seven ports, 50051 if not set: identity, role, key, key2, worker, database, redis
  LATCHKEY_PYTHON      the Python (CPython 3.11 to 3.13) that installs and runs the embedded engines
  MONGODB_URI          a MongoDB replica set in place of a local database
  REDIS_URL            a Redis in place of a local one

Exit code: 0 after Ctrl-C or --exit-after-tour, 1 when something failed (nothing is left running), 2 for an unknown option, 130 when
interrupted before everything was up.
`;
const OPTIONS = ['--no-tour', '--exit-after-tour', '--reset', '--help'];

/** Rejects with a plain sentence when it fails. */
function build() {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [join(ROOT, 'tools/build.mjs'), '--if-stale'], {
      cwd: ROOT,
      stdio: 'inherit',
    });
    child.once('error', failed);
    child.once('exit', (code) => (code === 0 ? done() : failed(new Error('The services could not be built.'))));
  });
}

const args = process.argv.slice(2);
const unknown = args.find((arg) => !OPTIONS.includes(arg));
if (unknown !== undefined) {
  console.error(`Unknown option ${unknown}. Known are ${OPTIONS.join(', ')}.`);
  process.exit(2);
}
if (args.includes('--help')) {
  console.log(HELP);
  process.exit(0);
}
try {
  await ensureInstalled();
  await build();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
// Where tsx looks for tsconfig.json, and so for the paths of the libraries.
process.chdir(ROOT);
await import('tsx');
const { main } = createRequire(import.meta.url)('./start/main.ts');
process.exit(
  await main({
    tour: !args.includes('--no-tour'),
    exitAfterTour: args.includes('--exit-after-tour'),
    reset: args.includes('--reset'),
  }),
);
