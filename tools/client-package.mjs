// Builds the SDK as it is published: libs/client/dist/index.js, one file that needs nothing of this repository, and its
// declarations. `npm pack ./libs/client` then makes the package.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PACKAGE = join(ROOT, 'libs/client');
const DIST = join(PACKAGE, 'dist');

rmSync(DIST, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: [join(PACKAGE, 'src/index.ts')],
  outfile: join(DIST, 'index.js'),
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  packages: 'external',
  tsconfig: join(ROOT, 'tsconfig.json'),
  keepNames: true,
  logLevel: 'warning',
  metafile: true,
});

// What it needs must stand in its own package.json: this repository has much more.
const { dependencies } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
const { dependencies: ours } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const needed = Object.values(metafile.outputs)
  .flatMap((output) => output.imports)
  .map(({ path }) => /^(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[0] ?? path)
  .filter((name) => !name.startsWith('node:'));
for (const name of new Set([...needed, ...Object.keys(dependencies)])) {
  if (needed.includes(name) && dependencies[name] === ours[name] && ours[name]) continue;
  console.error(`libs/client/package.json: ${name} is needed and missing, stands in another version, or is not needed`);
  process.exitCode = 1;
}

// In place of "emit declarations": those of all libraries in one file, without what is marked @internal.
const types = ['--no-check', '--silent', '--export-referenced-types=false', '--project', 'libs/client/tsconfig.json'];
execFileSync('dts-bundle-generator', [...types, '-o', join(DIST, 'index.d.ts'), 'libs/client/src/index.ts'], {
  cwd: ROOT,
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}` },
});
