import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { restoreEpoch } from '@latchkey/coherence';
import { eventually, openLink } from '@latchkey/testing';
import { Redis } from 'ioredis';
import { errorsOf, type ProcessSetting, restore, startProcess, stayRefusing, type TestProcess } from './backup-world';
import { type Engines, epochBackups, parameters, startEngines } from './world';

let engines: Engines;
let redis: Redis;
let backups: Awaited<ReturnType<typeof epochBackups>>;
beforeAll(async () => {
  engines = await startEngines();
  redis = new Redis(engines.redis.uri);
  backups = await epochBackups(engines.database.uri);
}, 60_000);
const running: TestProcess[] = [];
beforeEach(() => backups.lose());
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.stop()));
});
afterAll(async () => {
  redis?.disconnect();
  await backups?.close();
  await engines?.stop();
});

/** Redis and a data folder of its own. */
const setting = (): Required<ProcessSetting> => ({
  mongoUri: engines.database.uri,
  redisUrl: engines.redis.uri,
  dataDir: join(engines.dir, 'data', randomBytes(6).toString('hex')),
});

/** Keys of the marks, of every deployment that has used this Redis in this file. */
const marksInRedis = () => redis.keys('latchkey:epoch:mark:*');
const loseFolder = ({ dataDir }: ProcessSetting) => Promise.resolve(rmSync(dataDir ?? '', { recursive: true }));
const loseRedis = async () => void (await redis.del('nothing', ...(await marksInRedis())));

async function start(options: ProcessSetting, truth: { value: number }): Promise<TestProcess> {
  const process = await startProcess(options, truth);
  running.push(process);
  return process;
}

async function serve(process: TestProcess, value: number): Promise<void> {
  await eventually(async () => expect(await process.check()).toBe(value), { timeoutMs: 15_000 });
  process.coherence.assertTrusted();
}

/** A process that has seen changes after its epoch was backed up, and is stopped; then the backup is brought back. */
async function stoppedAndBroughtBack(options: ProcessSetting, truth: { value: number }): Promise<void> {
  const process = await start(options, truth);
  await serve(process, truth.value);
  await process.write(1);
  const backup = await backups.take();
  for (const value of [2, 3]) await process.write(value);
  await process.stop();
  await backups.bringBack(backup);
  truth.value = 1;
}

test('an old backup under running replicas: each flushes and refuses to trust it, and after `latchkey restore` serves without a restart', async () => {
  const truth = { value: 0 };
  const options = { ...setting(), dataDir: undefined };
  const processes = [await start(options, truth), await start(options, truth)];
  for (const process of processes) await serve(process, 0);
  const [first] = processes;
  await first?.write(1);
  const backup = await backups.take();
  for (const value of [2, 3, 4]) await first?.write(value);
  for (const process of processes) expect(await process.check()).toBe(4);

  await backups.bringBack(backup);
  truth.value = 1;
  await eventually(() => {
    for (const { replica, coherence } of processes) {
      expect(replica.serving).toBe(false);
      expect(() => coherence.assertTrusted()).toThrow();
    }
  });
  await stayRefusing(processes);
  expect(truth.value).toBe(1);
  for (const { logged } of processes) {
    expect(errorsOf(logged)).toMatchObject([
      {
        found: { generation: backup.generation, seq: backup.seq },
        remembered: { generation: backup.generation, seq: backup.seq + 3 },
        command: expect.stringContaining('latchkey restore') as string,
      },
    ]);
  }

  await restore(options);
  // Nothing of what was remembered is left: they read what the restored databases hold.
  for (const process of processes) await serve(process, 1);
  await eventually(() => first?.write(5));
  for (const process of processes) expect(await process.check()).toBe(5);
}, 60_000);

test.each([
  ['Redis was lost and the data folder was not', loseRedis],
  ['the data folder was lost and Redis was not', loseFolder],
])(
  'an old backup, brought back while everything was stopped: a start is NOT_SERVING until `latchkey restore`, though %s',
  async (_name, lose) => {
    const truth = { value: 0 };
    const options = setting();
    await stoppedAndBroughtBack(options, truth);
    await lose(options);
    const process = await start(options, truth);
    // From the start on, and not from the first look of a timer on.
    expect(() => process.coherence.assertTrusted()).toThrow();
    await stayRefusing([process]);
    expect(errorsOf(process.logged)).toHaveLength(1);
    await restore(options);
    await serve(process, 1);
    await eventually(() => process.write(2));
    expect(await process.check()).toBe(2);
  },
  60_000,
);

test('an old backup of another generation is recognized too, by what either place remembers', async () => {
  for (const lose of [loseRedis, loseFolder]) {
    const truth = { value: 0 };
    const options = setting();
    const before = await start(options, truth);
    await serve(before, 0);
    await before.write(1);
    const backup = await backups.take();
    await restore(options);
    await serve(before, 1);
    await eventually(() => before.write(2));
    await before.stop();
    await backups.bringBack(backup);
    await lose(options);
    const process = await start(options, truth);
    await stayRefusing([process], 500);
    await restore(options);
    await serve(process, 2);
  }
}, 90_000);

test('where nobody remembers, an old backup cannot be told from the real epoch: the tests above are about the memory', async () => {
  const truth = { value: 0 };
  const options = setting();
  await stoppedAndBroughtBack(options, truth);
  await loseRedis();
  rmSync(options.dataDir, { recursive: true });
  await serve(await start(options, truth), 1);
}, 30_000);

test('an epoch that is lost altogether is not made anew where a data folder remembers it, until `latchkey restore`', async () => {
  const truth = { value: 0 };
  const options = setting();
  await stoppedAndBroughtBack(options, truth);
  await backups.lose();
  const process = await start(options, truth);
  await stayRefusing([process]);
  await restore(options);
  await serve(process, 1);
  await eventually(() => process.write(2));
  expect(await process.check()).toBe(2);
}, 60_000);

test('a restore that is interrupted leaves changes refused; it is repeated, and repeated again, without harm', async () => {
  const truth = { value: 0 };
  const options = setting();
  const process = await start(options, truth);
  await serve(process, 0);
  const interrupted = {
    ...options,
    longestLeaseMs: parameters.leaseMs,
    newerThan: undefined,
    say: (line: string) => {
      if (line.startsWith('Waiting')) throw new Error('the operator pressed Ctrl-C');
    },
  };
  await expect(restoreEpoch(interrupted)).rejects.toThrow('Ctrl-C');
  // Checks go on under the new generation; changes do not.
  await serve(process, 0);
  await eventually(() => expect(() => process.coherence.barrier.admit?.()).toThrow('a restore is under way'));
  await expect(process.write(1)).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'RESTORE_UNDER_WAY' });
  expect(await restore(options)).toContainEqual(expect.stringContaining('frozen by a restore before'));
  await restore(options);
  await eventually(() => process.write(2));
  await serve(process, 2);
}, 60_000);

test('nothing is changed while leases of before a restore may still be in use', async () => {
  const options = setting();
  const process = await start(options, { value: 0 });
  await serve(process, 0);
  const from = performance.now();
  const restoring = restore(options);
  const frozen = eventually(async () => expect((await backups.take()).frozen).toBe(true), { intervalMs: 5 });
  const begun = await frozen.then(() => performance.now());
  const [, thawed] = await Promise.all([restoring, eventually(() => process.write(1)).then(() => performance.now())]);
  expect(thawed - begun).toBeGreaterThan(parameters.leaseMs);
  expect(thawed - from).toBeLessThan(parameters.leaseMs * 1.06 + 3_000);
}, 30_000);

test.each([
  ['garbage', () => 'garbage'],
  ['a mark without a MAC', () => JSON.stringify({ generation: '~', seq: 9 })],
  [
    'a mark with a forged MAC',
    () => JSON.stringify({ generation: '~', seq: 9, mac: randomBytes(32).toString('base64') }),
  ],
  ['a raised number under a genuine MAC', (text: string) => text.replace(/"seq":\d+/, '"seq":1000000')],
])(
  'what somebody else has written into Redis (%s) locks nobody out, and is written over',
  async (_name, forge) => {
    const truth = { value: 0 };
    const options = { ...setting(), dataDir: undefined };
    await loseRedis();
    const before = await start(options, truth);
    await serve(before, 0);
    await before.write(1);
    await before.stop();
    const [key = ''] = await marksInRedis();
    const genuine = (await redis.get(key)) ?? '';
    expect(genuine).toContain('"seq":1');
    await redis.set(key, forge(genuine));
    const after = await start(options, truth);
    await serve(after, 1);
    await eventually(async () => expect(await redis.get(key)).toBe(genuine));
    await after.write(2);
  },
  30_000,
);

test('a Redis that is away holds no start up; what it remembers counts when it is back', async () => {
  const truth = { value: 0 };
  const options = { ...setting(), dataDir: undefined };
  await stoppedAndBroughtBack(options, truth);
  const link = await openLink(Number(new URL(engines.redis.uri).port));
  try {
    link.set('blackHole');
    const from = performance.now();
    const process = await start({ ...options, redisUrl: `redis://127.0.0.1:${link.port}` }, truth);
    expect(performance.now() - from).toBeLessThan(6_000);
    await serve(process, 1);
    link.set('open');
    await eventually(() => expect(process.replica.serving).toBe(false), { timeoutMs: 20_000 });
    await eventually(() => expect(() => process.coherence.assertTrusted()).toThrow());
    await stayRefusing([process], 500);
    await restore(options);
    await serve(process, 1);
  } finally {
    link.close();
  }
}, 60_000);
