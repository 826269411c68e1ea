// Completes package-lock.json after a change of dependencies: `npm run complete-lockfile`.
//
// A lock written against a registry that does not serve every per-platform optional package lacks their entries, and
// `npm ci` then refuses the lock with "Missing: ... from lock file". This adds a stub for each of them, takes out the
// `resolved` addresses (the lock must work against any registry) and what npm itself calls extraneous (left over from
// resolving peers, never installed), and copies the root's exact version ranges.
import { readFileSync, writeFileSync } from 'node:fs';

const OPERATING_SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = {
  x64: 'x64',
  arm64: 'arm64',
  aarch64: 'arm64',
  arm: 'arm',
  armv7: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  loong64: 'loong64',
  mips64el: 'mips64el',
  wasm32: 'wasm32',
};

/** What a package's name says about the platforms it is for; undefined when it says nothing. */
function platformOf(name) {
  const words = name.split('/').pop().split(/[-_]/);
  const os = words.find((word) => OPERATING_SYSTEMS.includes(word));
  const cpu = words.map((word) => PROCESSORS[word] ?? (word.startsWith('arm') ? 'arm' : undefined)).find(Boolean);
  if (!os && !cpu) return undefined;
  const musl = os === 'linux' && /musl/.test(name);
  const glibc = os === 'linux' && /gnu|glibc/.test(name);
  return {
    ...(cpu && { cpu: [cpu] }),
    ...(os && { os: [os] }),
    ...(musl && { libc: ['musl'] }),
    ...(glibc && { libc: ['glibc'] }),
  };
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const packages = lock.packages;

Object.assign(packages[''], {
  dependencies: manifest.dependencies,
  devDependencies: manifest.devDependencies,
  engines: manifest.engines,
});

for (const [path, entry] of Object.entries(packages)) if (entry.extraneous) delete packages[path];

let added = 0;
for (const [path, entry] of Object.entries(packages)) {
  delete entry.resolved;
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const top = `node_modules/${name}`;
    if (packages[`${path}/node_modules/${name}`] || packages[top]) continue;
    const platform = platformOf(name);
    if (!platform) {
      console.warn(`cannot tell the platform of ${name}@${range} from its name: left out`);
      continue;
    }
    packages[top] = {
      version: range.replace(/^[\^~]/, ''),
      ...platform,
      ...(entry.dev && { dev: true }),
      optional: true,
    };
    added += 1;
  }
}

lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} entries added`);
