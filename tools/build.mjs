// Builds every app: apps/<app>/src/main.ts → apps/<app>/dist/main.js, and beside it the programs that tests start in its
// place, apps/<app>/test/*-main.ts → apps/<app>/dist/*-main.js.
// `--if-stale` builds only what is older than its sources. Names of apps as arguments build only those.
import { build } from 'esbuild';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({ options: { 'if-stale': { type: 'boolean' } }, allowPositionals: true });

/** The entry files of an app: its program, and those that tests start in its place. */
function entriesOf(app) {
  const main = join(ROOT, 'apps', app, 'src/main.ts');
  if (!existsSync(main)) return [];
  const tests = join(ROOT, 'apps', app, 'test');
  const mains = existsSync(tests) ? readdirSync(tests).filter((name) => name.endsWith('-main.ts')) : [];
  return [main, ...mains.map((name) => join(tests, name))];
}

/** Newest change at or below a path, in epoch ms. Folders count too: their time tells of files that were removed. */
function newest(path) {
  if (!existsSync(path)) return 0;
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const outputOf = (app, entry) => join(ROOT, 'apps', app, 'dist', `${basename(entry, '.ts')}.js`);

// What every app is built from besides its own sources.
const settings = ['tsconfig.json', 'package-lock.json', 'tools/build.mjs'].map((name) => join(ROOT, name));
const libraries = readdirSync(join(ROOT, 'libs')).map((lib) => join(ROOT, 'libs', lib, 'src'));
const sharedChange = Math.max(...[...settings, ...libraries].map(newest));

function isStale(app, entries) {
  const built = Math.min(...entries.map((entry) => newest(outputOf(app, entry))));
  return built <= Math.max(sharedChange, newest(join(ROOT, 'apps', app, 'src')), ...entries.map(newest));
}

/** Written beside and renamed: a process that starts meanwhile loads the old program or the new one, never half of it. */
function replaceFile(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const beside = `${path}.${process.pid}`;
  writeFileSync(beside, contents);
  renameSync(beside, path);
}

async function buildApp(app, entries) {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: entries.map((entry) => ({ in: entry, out: basename(entry, '.ts') })),
    outdir: join(ROOT, 'apps', app, 'dist'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // @grpc/reflection and grpc-health-check read files beside themselves, so packages stay where they are;
    // @latchkey/* is found through the paths of tsconfig.json and bundled.
    packages: 'external',
    tsconfig: join(ROOT, 'tsconfig.json'),
    sourcemap: true,
    sourcesContent: false,
    // Names of functions are kept as they are where nothing is minified; keeping them by force costs each closure a call.
    keepNames: false,
    logLevel: 'warning',
    write: false,
  });
  // Source maps first, since the age of the program is what says that all of it is there.
  for (const file of outputFiles.toSorted((a, b) => b.path.length - a.path.length))
    replaceFile(file.path, file.contents);
  return outputFiles.filter((file) => file.path.endsWith('.js')).reduce((sum, file) => sum + file.contents.length, 0);
}

const apps = readdirSync(join(ROOT, 'apps')).filter((app) => positionals.length === 0 || positionals.includes(app));
const unknown = positionals.filter((app) => !apps.includes(app));
if (unknown.length > 0) {
  console.error(`There is no app ${unknown.join(', ')} in apps/.`);
  process.exit(1);
}

for (const app of apps) {
  const entries = entriesOf(app);
  if (entries.length === 0 || (values['if-stale'] && !isStale(app, entries))) continue;
  const started = Date.now();
  try {
    const bytes = await buildApp(app, entries);
    console.log(`built ${app}: ${Math.ceil(bytes / 1024)} KiB in ${Date.now() - started} ms`);
  } catch (error) {
    // esbuild has printed what is wrong with the source; anything else has not been printed yet.
    console.error(error.errors ? `${app} was not built` : error);
    process.exitCode = 1;
  }
}
