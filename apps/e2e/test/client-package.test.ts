import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { newTenant, newToken, repositoryRoot, startTestSuite, type TestSuite } from '@latchkey/testing';

const run = promisify(execFile);
jest.setTimeout(300_000);

let suite: TestSuite;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'latchkey-package-'));
  suite = await startTestSuite();
}, 120_000);
afterAll(async () => {
  await suite?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

/** Somebody's own file: with the types that the package brings, and nothing of this repository. */
const OWN = `
import { inspect } from 'node:util';
import { connectLatchkey, LatchkeyError, type Decision } from '@latchkey/client';

const [key = '', workspaceId = '', address = '', ca = '', cert = '', tlsKey = ''] = process.argv.slice(2);
async function main(): Promise<void> {
  const latchkey = connectLatchkey({ address, tls: { ca, cert, key: tlsKey } });
  await latchkey.ready(20_000);
  const decision: Decision = await latchkey.authorize({ key, permission: 'projects:read', workspaceId });
  const refused = await latchkey.authorize({ key, permission: '' }).catch((error: unknown) => error);
  const code = refused instanceof LatchkeyError ? refused.code : 'not typed';
  const [logged = ''] = inspect(refused).split(':');
  console.log(JSON.stringify({ allowed: decision.allowed, source: decision.source, code, named: String(refused).split(':')[0], logged }));
  await latchkey.close();
}
void main();
`;

test('the published package holds all that it needs: its types compile, and it decides in somebody else’s program', async () => {
  await run(process.execPath, ['tools/client-package.mjs'], { cwd: repositoryRoot });
  await run('npm', ['pack', join(repositoryRoot, 'libs/client'), '--pack-destination', dir], { cwd: dir });
  const modules = join(dir, 'node_modules');
  mkdirSync(join(modules, '@latchkey/client'), { recursive: true });
  const [tarball = ''] = readdirSync(dir).filter((name) => name.endsWith('.tgz'));
  await run('tar', ['-xzf', join(dir, tarball), '--strip-components=1', '-C', join(modules, '@latchkey/client')]);
  // What its package.json names, and what the compiler needs of Node; as a package manager would have put them there.
  for (const name of ['@grpc/grpc-js', '@bufbuild/protobuf', '@types/node']) {
    mkdirSync(join(modules, name, '..'), { recursive: true });
    symlinkSync(join(repositoryRoot, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(dir, 'own.ts'), OWN);
  const tsc = join(repositoryRoot, 'node_modules/.bin/tsc');
  const options = [
    '--strict',
    '--module',
    'commonjs',
    '--moduleResolution',
    'bundler',
    '--target',
    'es2022',
    '--types',
    'node',
  ];
  await run(tsc, [...options, 'own.ts'], { cwd: dir });

  const tenant = await newTenant(suite.api);
  const { secret } = await newToken(suite.api, tenant.organizationId, tenant.admin.as);
  const { ca, cert, key } = suite.tls();
  const given = [secret, tenant.workspaceId, suite.addresses.key, ca, cert, key];
  const { stdout } = await run(process.execPath, ['own.js', ...given], { cwd: dir });
  expect(JSON.parse(stdout)).toEqual({
    allowed: true,
    source: 'memory',
    code: 'INVALID_ARGUMENT',
    named: 'LatchkeyError',
    logged: 'LatchkeyError',
  });
});
