import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startChild } from './child';
import { embeddedEngine } from './embedded';
import {
  dataFolder,
  type Engine,
  EngineError,
  type EngineKind,
  type EngineOptions,
  externalEngine,
  onPath,
  redact,
  startedEngine,
  waitUntilReady,
} from './engine';
import { freePort } from './ports';

/**
 * A Redis that is ready: `REDIS_URL`, else `redis-server` or `valkey-server` on PATH, else the pinned embedded one.
 * It never evicts and writes an append-only file, as BullMQ needs it; one that evicts is refused.
 * @throws EngineError when none can be had.
 */
export async function startRedis(options: EngineOptions): Promise<Engine> {
  const env = options.env ?? process.env;
  if (env.REDIS_URL) {
    options.log(`redis: ${redact(env.REDIS_URL)}, named by REDIS_URL`);
    await withClient(env.REDIS_URL, refuseEviction);
    return externalEngine(env.REDIS_URL);
  }
  const found = onPath(['redis-server', 'valkey-server'], env);
  if (found !== undefined) {
    options.log(`redis: ${found}, found on PATH`);
    return await run(found, 'path', options);
  }
  options.log(
    'redis: the pinned embedded valkey-server, since REDIS_URL is not set and neither redis-server nor valkey-server is on PATH',
  );
  const engine = await embeddedEngine(options.log, env);
  return await run(engine.valkeyServer, 'embedded', options);
}

async function run(command: string, kind: EngineKind, options: EngineOptions): Promise<Engine> {
  const port = options.port ?? (await freePort());
  const child = await startChild({
    name: 'redis',
    command,
    // prettier-ignore
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', dataFolder(options.dir, 'redis'), '--appendonly', 'yes',
      '--maxmemory-policy', 'noeviction', '--save', '', '--daemonize', 'no'],
    logFile: join(options.dir, 'redis.log'),
  });
  const uri = `redis://127.0.0.1:${port}`;
  try {
    // The log says when the data is loaded; asking over the network would also be answered by a stranger on this port.
    await waitUntilReady(child, () => Promise.resolve(readyLine(child.logFile, child.pid) || undefined));
    await withClient(uri, refuseEviction);
  } catch (error) {
    await child.stop(5_000);
    throw error;
  }
  return startedEngine(uri, kind, child);
}

function readyLine(logFile: string, pid: number): boolean {
  // Lines start with the process id: an earlier run's line in the same file does not count.
  const lines = readFileSync(logFile, 'utf8').split('\n');
  return lines.some((line) => line.startsWith(`${pid}:`) && line.includes('Ready to accept connections'));
}

async function withClient<T>(uri: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(uri, {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    connectTimeout: 5_000,
    retryStrategy: () => null,
  });
  // Without a listener the library prints the error; connect() below reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(`redis at ${redact(uri)} does not answer: ${(error as Error).message}`);
  } finally {
    client.disconnect();
  }
}

async function refuseEviction(client: Redis): Promise<void> {
  const info = await client.info('memory');
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  if (policy !== 'noeviction') {
    throw new EngineError(
      `redis was refused: its maxmemory-policy is ${policy ?? 'unknown'}, and jobs would be lost; set it to noeviction.`,
    );
  }
}
