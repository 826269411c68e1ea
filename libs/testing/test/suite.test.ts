import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, notServing, startSuite, type Suite, type SuiteOptions } from '../src';
import { scratchFolder } from './scratch';

const dir = scratchFolder();
const app = join(__dirname, 'health-app.cjs');
const base = {
  database: { uri: 'mongodb://nowhere' },
  redis: { uri: 'redis://nowhere' },
  log: () => undefined,
  mains: { identity: app, role: app, key: app, worker: app },
};
let suite: Suite | undefined;

async function start(options: Partial<SuiteOptions> & { dir: string }): Promise<Suite> {
  suite = await startSuite({ ...base, ...options });
  return suite;
}

afterEach(async () => {
  await suite?.stop();
  suite = undefined;
});

const environmentOf = (logFile: string) =>
  JSON.parse(readFileSync(logFile, 'utf8').split('\n')[0] ?? '') as Record<string, string>;

test('suite-is-serving: every process answers over mTLS, with the environment it needs and no more', async () => {
  const { addresses, keyAddresses, processes, tls } = await start({ dir: join(dir, 'up'), keyReplicas: 2 });
  for (const process of Object.values(processes)) expect(await notServing(process.address, tls())).toBeUndefined();
  expect(keyAddresses).toEqual([addresses.key, addresses.key2]);
  const identity = environmentOf(processes.identity.logFile);
  expect(identity).toMatchObject({
    MONGODB_URI: 'mongodb://nowhere',
    REDIS_URL: 'redis://nowhere',
    LATCHKEY_FRONT_ENDS: 'ops',
  });
  expect(identity.LATCHKEY_KEY_ADDRESS).toBe(addresses.key);
  expect(environmentOf(processes.key.logFile).REDIS_URL).toBe('redis://nowhere');
  expect(environmentOf(processes.worker.logFile).MONGODB_URI).toBeUndefined();
});

test('replicas-call-replicas: a second one calls the second one of another app, where there is one', async () => {
  const { addresses, roleAddresses, processes } = await start({
    dir: join(dir, 'replicas'),
    keyReplicas: 3,
    roleReplicas: 2,
  });
  expect(roleAddresses).toEqual([addresses.role, addresses.role2]);
  const peers = (['role2', 'key', 'key2', 'key3'] as const).map((name) => {
    const environment = environmentOf(processes[name]?.logFile ?? '');
    return [environment.LATCHKEY_LISTEN, environment.LATCHKEY_ROLE_ADDRESS, environment.LATCHKEY_KEY_ADDRESS];
  });
  expect(peers).toEqual([
    [addresses.role2, undefined, addresses.key2],
    [addresses.key, addresses.role, undefined],
    [addresses.key2, addresses.role2, undefined],
    [addresses.key3, addresses.role, undefined],
  ]);
});

test('a-process-can-be-killed-and-restarted: on its port, with another environment, without the others noticing', async () => {
  const unexpected: string[] = [];
  const { processes, tls } = await start({
    dir: join(dir, 'killed'),
    onUnexpectedExit: (process) => void unexpected.push(process.name),
  });
  const before = [processes.key.pid, processes.role.pid];
  expect((await processes.key.kill('SIGKILL')).signal).toBe('SIGKILL');
  expect(await notServing(processes.key.address, tls())).toBeDefined();
  await processes.key.restart({ env: { EXTRA: 'yes' } });
  expect(await notServing(processes.key.address, tls())).toBeUndefined();
  expect(processes.key.pid).not.toBe(before[0]);
  expect(processes.role.pid).toBe(before[1]);
  expect(processes.key.tail(1)).toContain('"EXTRA":"yes"');
  expect(unexpected).toEqual([]);
  process.kill(processes.role.pid ?? 0, 'SIGKILL');
  await eventually(() => expect(unexpected).toEqual(['role']));
});

test('a-process-that-fails-is-named: with the end of its log, and nothing is left running', async () => {
  const folder = join(dir, 'failed');
  await expect(start({ dir: folder, env: { role: { FAIL: '1' } } })).rejects.toThrow(
    /role ended before it was serving.*exit code 3[^]*failing as told/,
  );
  const { tls } = await start({ dir: join(dir, 'other') });
  const address = environmentOf(join(folder, 'logs/identity.log')).LATCHKEY_LISTEN ?? '';
  expect(await notServing(address, tls())).toBeDefined();
});

test('suite-stops-in-order: worker, key, role, identity', async () => {
  const { processes } = await start({ dir: join(dir, 'order'), keyReplicas: 2 });
  await suite?.stop();
  const stoppedAt = (name: 'worker' | 'key2' | 'key' | 'role' | 'identity') =>
    Number(/stopping at (\d+)/.exec(processes[name]?.tail() ?? '')?.[1]);
  const times = (['worker', 'key2', 'key', 'role', 'identity'] as const).map(stoppedAt);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(Object.values(processes).some((process) => process.running)).toBe(false);
});
