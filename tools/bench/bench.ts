import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createPki,
  type Engine,
  type Pki,
  repositoryRoot,
  startDatabase,
  startRedis,
  type TlsFiles,
} from '@latchkey/testing';
import { canPin, GENERATOR_CORE, type Measured, startMeasured, type StartOptions } from './process';

export interface Engines {
  readonly mongoUri: string;
  readonly redisUrl: string;
}

/** What rows measure with: engines that are started when first needed, certificates, processes on their cores. */
export class Bench {
  readonly root = repositoryRoot;
  readonly dir = mkdtempSync(join(tmpdir(), 'latchkey-bench-'));
  #engines: Promise<readonly [Engine, Engine]> | undefined;
  #pki: Promise<Pki> | undefined;
  readonly #running = new Set<Measured>();

  constructor(
    /** Only ratios, and not for long. */
    readonly short: boolean,
    readonly log: (line: string) => void,
    /** Servers leave a CPU profile here. */
    readonly profileDir: string | undefined,
    /** Whether the documents are written. */
    readonly write: boolean,
  ) {}

  async engines(): Promise<Engines> {
    this.#engines ??= this.#startEngines();
    const [database, redis] = await this.#engines;
    return { mongoUri: database.uri, redisUrl: redis.uri };
  }

  /** Of the measured server, or of whoever calls it. */
  async tls(name: 'key' | 'ops'): Promise<TlsFiles> {
    this.#pki ??= createPki(join(this.dir, 'tls'), ['key', 'ops']);
    return (await this.#pki).files(name);
  }

  async start(options: StartOptions): Promise<Measured> {
    const profiled = this.profileDir !== undefined && options.program !== 'generate';
    const flags = profiled ? ['--cpu-prof', `--cpu-prof-dir=${join(this.profileDir, options.program)}`] : [];
    const started = await startMeasured({ ...options, flags: [...(options.flags ?? []), ...flags] });
    this.#running.add(started);
    return started;
  }

  async end(measured: Measured): Promise<void> {
    this.#running.delete(measured);
    await measured.end();
  }

  async close(): Promise<void> {
    for (const measured of this.#running) await measured.end();
    const engines = await this.#engines;
    for (const engine of engines ?? []) await engine.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #startEngines(): Promise<readonly [Engine, Engine]> {
    const { log } = this;
    const database = await startDatabase({ dir: join(this.dir, 'database'), log });
    const redis = await startRedis({ dir: join(this.dir, 'redis'), log });
    // Beside the generator: what the server uses of its core is then its own.
    for (const { pid } of [database, redis]) {
      if (pid !== undefined && canPin()) spawnSync('taskset', ['-acp', String(GENERATOR_CORE), String(pid)]);
    }
    return [database, redis];
  }
}
