import { isPortFree } from '@latchkey/testing';
import { StartError } from './start-error';

const NAMES = ['identity', 'role', 'key', 'key2', 'worker', 'database', 'redis'] as const;
const DEFAULT_BASE = 50_051;

export type Ports = Record<(typeof NAMES)[number], number>;

/** The ports of a start: consecutive from LATCHKEY_PORT_BASE, so that a second clone needs one setting. */
export function choosePorts(base: string | undefined): Ports {
  const first = base === undefined || base === '' ? DEFAULT_BASE : Number(base);
  if (!Number.isInteger(first) || first < 1024 || first + NAMES.length > 65_536) {
    throw new StartError(
      `LATCHKEY_PORT_BASE is ${base}: it must be a whole number from 1024 to ${65_536 - NAMES.length}.`,
    );
  }
  return Object.fromEntries(NAMES.map((name, index) => [name, first + index])) as Ports;
}

/** @throws StartError naming every port that is taken, except those of engines that are not started here. */
export async function checkPorts(ports: Ports, external: { database: boolean; redis: boolean }): Promise<void> {
  const taken: string[] = [];
  for (const name of NAMES) {
    if ((name === 'database' || name === 'redis') && external[name]) continue;
    if (!(await isPortFree(ports[name]))) taken.push(`port ${ports[name]} (${name})`);
  }
  if (taken.length === 0) return;
  const verb = taken.length === 1 ? 'is' : 'are';
  throw new StartError(
    `${taken.join(', ')} ${verb} in use by another program: free ${taken.length === 1 ? 'it' : 'them'} or set LATCHKEY_PORT_BASE.`,
  );
}
