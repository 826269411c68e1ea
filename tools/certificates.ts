// Throw-away certificates for docker-compose: `npm run certificates -- [DIR]`, deploy/tls if not given. Makes a folder per
// service with ca.pem, cert.pem and key.pem, the same for the caller `ops`, and the endpoints.json of a client on this
// host. What is there and still lasts is kept. For anything but a trial bring certificates of your own under these names.
import { chmodSync, copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createPki, type TlsFiles } from '@latchkey/testing';

const SERVICES = ['identity', 'role', 'key', 'worker'];
const CLIENT = 'ops';

/** Renamed into place, because a running service looks at its files every few seconds. */
function replace(source: string, target: string, mode: number): void {
  const beside = `${target}.new`;
  copyFileSync(source, beside);
  chmodSync(beside, mode);
  renameSync(beside, target);
}

/** Copies a certificate into its own folder, so that no container sees the key of another or of the authority. */
function place(dir: string, files: TlsFiles, mode: { folder: number; key: number }): TlsFiles {
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, mode.folder);
  const placed = { ca: join(dir, 'ca.pem'), cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  replace(files.ca, placed.ca, 0o644);
  replace(files.cert, placed.cert, 0o644);
  replace(files.key, placed.key, mode.key);
  return placed;
}

async function main(): Promise<void> {
  const dir = resolve(process.argv[2] ?? 'deploy/tls');
  mkdirSync(dir, { recursive: true });
  // Nobody else on this host can enter. A container can: its folder is mounted, and is entered without passing through here,
  // which is also why the keys in it must be readable by the containers' unprivileged user.
  chmodSync(dir, 0o700);
  const pki = await createPki(join(dir, 'authority'), [...SERVICES, CLIENT]);
  for (const name of SERVICES) place(join(dir, name), pki.files(name), { folder: 0o755, key: 0o644 });
  const endpoints = {
    identity: { address: 'localhost:50051' },
    role: { address: 'localhost:50052' },
    key: { address: 'localhost:50053' },
    tls: place(join(dir, CLIENT), pki.files(CLIENT), { folder: 0o700, key: 0o600 }),
  };
  writeFileSync(join(dir, 'endpoints.json'), `${JSON.stringify(endpoints, null, 2)}\n`);
  console.log(`Certificates and endpoints.json are in ${dir}`);
}

main().catch((error: unknown) => {
  console.error(`No certificates: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
