import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { type Child, startChild } from './child';
import { downloadedMongod } from './mongod-download';
import { embeddedEngine, embeddedEnvironment } from './embedded';
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
import { probeDatabase } from './probe';

const REPLICA_SET = 'latchkey';

/**
 * A database that is ready and has passed the capability probe: `MONGODB_URI`, else `mongod` on PATH, else a real mongod where downloads are
 * possible, else the pinned embedded engine. Says in `log` which one and why.
 * @throws EngineError when none can be had, when the data folder cannot be opened, or when the probe refuses it.
 */
export async function startDatabase(options: EngineOptions): Promise<Engine> {
  const engine = await resolve(options, options.env ?? process.env);
  const client = new mongoose.mongo.MongoClient(engine.uri, { serverSelectionTimeoutMS: 10_000 });
  try {
    await client.connect();
    await probeDatabase(client);
    options.log('database: passed the probe (unique index, aborted transaction, concurrent updates)');
    return engine;
  } catch (error) {
    await engine.stop();
    if (error instanceof EngineError) throw error;
    throw new EngineError(`the database at ${redact(engine.uri)} cannot be used: ${(error as Error).message}`);
  } finally {
    await client.close();
  }
}

async function resolve(options: EngineOptions, env: NodeJS.ProcessEnv): Promise<Engine> {
  const { log } = options;
  if (env.MONGODB_URI) {
    log(`database: ${redact(env.MONGODB_URI)}, named by MONGODB_URI`);
    return externalEngine(env.MONGODB_URI);
  }
  const mongod = onPath(['mongod'], env);
  if (mongod !== undefined) {
    log(`database: ${mongod}, found on PATH`);
    return await runMongod(mongod, 'path', options);
  }
  const downloaded = await downloadedMongod(log);
  if ('path' in downloaded) {
    log(`database: ${downloaded.path}, a real mongod that was downloaded`);
    return await runMongod(downloaded.path, 'download', options);
  }
  log(
    `database: the pinned embedded engine, since MONGODB_URI is not set, mongod is not on PATH, and ${downloaded.reason}`,
  );
  return await runEmbedded(options, env);
}

async function runEmbedded(options: EngineOptions, env: NodeJS.ProcessEnv): Promise<Engine> {
  const embedded = await embeddedEngine(options.log, env);
  const data = dataFolder(options.dir, 'the embedded database');
  const port = options.port ?? (await freePort());
  const logFile = join(options.dir, 'database.log');
  const before = sizeOf(logFile);
  const child = await startChild({
    name: 'the database',
    command: embedded.python,
    args: [embedded.databaseLauncher, String(port), data],
    env: embeddedEnvironment(embedded),
    logFile,
  });
  const uri = await stoppingOnFailure(child, () =>
    // Its line, not its port: the port answers before the server knows its own role.
    waitUntilReady(child, () =>
      Promise.resolve(/^ready (\S+)$/m.exec(readFileSync(logFile).subarray(before).toString())?.[1]),
    ),
  );
  return startedEngine(withSmallPools(uri), 'embedded', child);
}

/**
 * The engine has a thread for each connection, and accepts 1,000: pools of the usual size fill that up as soon as answers are
 * late, and then nothing is ever answered any more.
 */
function withSmallPools(uri: string): string {
  const parsed = new URL(uri);
  parsed.searchParams.set('maxPoolSize', '16');
  return parsed.toString();
}

async function runMongod(command: string, kind: EngineKind, options: EngineOptions): Promise<Engine> {
  const port = options.port ?? (await freePort());
  const child = await startChild({
    name: 'mongod',
    command,
    // prettier-ignore
    args: ['--replSet', REPLICA_SET, '--port', String(port), '--bind_ip', '127.0.0.1', '--dbpath', dataFolder(options.dir, 'mongod')],
    logFile: join(options.dir, 'database.log'),
  });
  const uri = `mongodb://127.0.0.1:${port}/?directConnection=true`;
  await stoppingOnFailure(child, async () => {
    const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: 1_000 });
    try {
      await waitUntilReady(child, () => becomePrimary(client, `127.0.0.1:${port}`));
    } finally {
      await client.close();
    }
  });
  return startedEngine(uri, kind, child);
}

/** One step towards a primary: answers once the node is one. */
async function becomePrimary(client: mongoose.mongo.MongoClient, host: string): Promise<true | undefined> {
  const admin = client.db('admin');
  try {
    const hello = await admin.command({ hello: 1 });
    if (hello.isWritablePrimary === true && (hello.hosts as string[] | undefined)?.includes(host)) return true;
    const members = [{ _id: 0, host }];
    try {
      const { config } = await admin.command({ replSetGetConfig: 1 });
      // The data was written on another port: the set must learn its own new address before it elects itself.
      if (config.members[0]?.host !== host) {
        await admin.command({
          replSetReconfig: { ...config, members: [{ ...config.members[0], host }], version: config.version + 1 },
          force: true,
        });
      }
    } catch (error) {
      if ((error as { codeName?: string }).codeName !== 'NotYetInitialized') throw error;
      await admin.command({ replSetInitiate: { _id: REPLICA_SET, members } });
    }
  } catch (error) {
    // It is still starting or electing; the caller asks again, within its bound, and shows the log if that never ends.
    if (!(error instanceof mongoose.mongo.MongoError)) throw error;
  }
  return undefined;
}

async function stoppingOnFailure<T>(child: Child, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    await child.stop(5_000);
    throw error;
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
