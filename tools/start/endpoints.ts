import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Suite } from '@latchkey/testing';

const ENDPOINTS = 'endpoints.json';
/** Apart from the endpoints, because it may hold a password and no client needs it. */
const REDIS_URL = 'redis-url';

/** Writes what a client needs to call this suite as `ops`; answers the file's path. */
export function writeEndpoints(dir: string, suite: Suite, redisUri: string): string {
  const { identity, role, key, worker } = suite.addresses;
  const endpoints = {
    identity: { address: identity },
    role: { address: role },
    key: { address: key, replicas: suite.keyAddresses },
    worker: { address: worker },
    tls: suite.tls('ops'),
  };
  writeFileSync(join(dir, REDIS_URL), `${redisUri}\n`, { mode: 0o600 });
  const file = join(dir, ENDPOINTS);
  writeFileSync(file, `${JSON.stringify(endpoints, null, 2)}\n`);
  return file;
}

/** They describe what runs: a client should find nothing rather than addresses that do not answer. */
export function removeEndpoints(dir: string): void {
  for (const name of [ENDPOINTS, REDIS_URL]) rmSync(join(dir, name), { force: true });
}

/** What to look at and what to try, for the person at the keyboard. */
export function describe(dir: string, suite: Suite): string {
  const { ca, cert, key } = suite.tls('ops');
  return [
    'Latchkey is up:',
    ...Object.values(suite.processes).map(
      (each) => `  ${each.name.padEnd(9)} ${each.address.padEnd(16)} log ${each.logFile}`,
    ),
    `  endpoints ${join(dir, ENDPOINTS)}`,
    '',
    'Try:',
    `  grpcurl -cacert ${ca} -cert ${cert} -key ${key} ${suite.addresses.identity} list`,
    `  npx buf curl --protocol grpc --cacert ${ca} --cert ${cert} --key ${key} --list-methods https://${suite.addresses.key}`,
    '  node tools/queue-state.mjs',
    '',
    `Stop: Ctrl-C, or kill -TERM ${process.pid}`,
  ].join('\n');
}
