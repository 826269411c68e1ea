import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { type Engine, EngineError, startDatabase, startRedis } from '../src';
import { scratchFolder } from './scratch';

const dir = scratchFolder();
const running: Engine[] = [];
const lines: string[] = [];
const log = (line: string) => void lines.push(line);
// The servers that this machine may name are not ours to stop, so these tests look at what is started here.
const env = { ...process.env, MONGODB_URI: '', REDIS_URL: '' };

afterEach(async () => {
  lines.length = 0;
  for (const engine of running.splice(0)) await engine.stop();
});

async function database(name: string): Promise<Engine> {
  const engine = await startDatabase({ dir: join(dir, name), log, env });
  running.push(engine);
  return engine;
}

async function redis(name: string, options: { port?: number } = {}): Promise<Engine> {
  const engine = await startRedis({ dir: join(dir, name), log, env, ...options });
  running.push(engine);
  return engine;
}

async function withDatabase<T>(uri: string, use: (client: mongoose.mongo.MongoClient) => Promise<T>): Promise<T> {
  const client = await mongoose.mongo.MongoClient.connect(uri);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

async function withRedis<T>(uri: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(uri);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

test('engines-say-what-was-chosen: the log names the engine and why', async () => {
  await database('said');
  await redis('said-redis');
  expect(lines.filter((line) => line.startsWith('database: '))).toHaveLength(2); // the choice, and the probe
  expect(lines.filter((line) => line.startsWith('redis: '))).toHaveLength(1);
});

test('data-outlives-the-engine: a database that is stopped, or killed, finds its acknowledged writes again', async () => {
  const first = await database('kept');
  await withDatabase(first.uri, (client) => client.db('t').collection('c').insertOne({ n: 1 }));
  await first.stop();
  const second = await database('kept');
  await withDatabase(second.uri, (client) =>
    client
      .db('t')
      .collection('c')
      .insertOne({ n: 2 }, { writeConcern: { w: 'majority', j: true } }),
  );
  if (second.pid !== undefined) process.kill(second.pid, 'SIGKILL');
  await second.exited;
  const third = await database('kept');
  expect(
    await withDatabase(third.uri, (client) =>
      client
        .db('t')
        .collection('c')
        .countDocuments({ n: { $gte: 1 } }),
    ),
  ).toBe(2);
});

test('data-outlives-the-engine: a Redis that is stopped finds its data again on the same port, and never evicts', async () => {
  const first = await redis('kept-redis');
  await withRedis(first.uri, (client) => client.set('k', 'v'));
  await first.stop();
  const second = await redis('kept-redis', { port: Number(new URL(first.uri).port) });
  expect(await withRedis(second.uri, (client) => client.get('k'))).toBe('v');
  expect(await withRedis(second.uri, (client) => client.config('GET', 'maxmemory-policy'))).toEqual([
    'maxmemory-policy',
    'noeviction',
  ]);
  expect(await withRedis(second.uri, (client) => client.config('GET', 'appendonly'))).toEqual(['appendonly', 'yes']);
});

test('lossy-redis-is-refused: one that evicts keys is refused with a sentence', async () => {
  const lossy = await redis('lossy');
  await withRedis(lossy.uri, (client) => client.config('SET', 'maxmemory-policy', 'allkeys-lru'));
  await expect(startRedis({ dir: join(dir, 'unused'), log, env: { REDIS_URL: lossy.uri } })).rejects.toThrow(
    /allkeys-lru.*noeviction/,
  );
});

test('named-servers-are-used: MONGODB_URI and REDIS_URL win, are probed, and are never stopped', async () => {
  const ours = await database('named');
  const ourRedis = await redis('named-redis');
  const named = await startDatabase({ dir: join(dir, 'unused'), log, env: { MONGODB_URI: ours.uri } });
  const namedRedis = await startRedis({ dir: join(dir, 'unused'), log, env: { REDIS_URL: ourRedis.uri } });
  expect([named.kind, namedRedis.kind]).toEqual(['external', 'external']);
  await named.stop();
  await namedRedis.stop();
  expect(await withRedis(ourRedis.uri, (client) => client.ping())).toBe('PONG');
  await withDatabase(ours.uri, (client) => client.db('t').command({ ping: 1 }));
});

test('unreachable-server-is-named: a REDIS_URL where nobody listens fails with a sentence, without its password', async () => {
  const start = startRedis({ dir: join(dir, 'unused'), log, env: { REDIS_URL: 'redis://:hunter2@127.0.0.1:1' } });
  await expect(start).rejects.toThrow(/does not answer/);
  await expect(start).rejects.not.toThrow(/hunter2/);
});

test('broken-data-is-named: a database whose files are damaged is an error that suspects the data, and leaves nothing running', async () => {
  const first = await database('broken');
  await first.stop();
  const data = join(dir, 'broken/data');
  for (const name of readdirSync(data)) if (name.startsWith('WiredTiger')) writeFileSync(join(data, name), 'damaged');
  const error: unknown = await database('broken').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).dataSuspected).toBe(true);
});

test('engines-do-not-share-data: data written by another product is refused', async () => {
  const first = await redis('foreign');
  await first.stop();
  writeFileSync(join(dir, 'foreign/product'), 'something else\n');
  await expect(redis('foreign')).rejects.toThrow(/was written by something else/);
});

test('missing-python-is-named: without a usable Python the embedded engine says what to do', async () => {
  const start = startRedis({ dir: join(dir, 'unused'), log, env: { PATH: '', LATCHKEY_PYTHON: 'no-such-python' } });
  await expect(start).rejects.toThrow(/CPython 3.11, 3.12 or 3.13.*LATCHKEY_PYTHON/);
});
