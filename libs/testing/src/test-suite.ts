import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Api, type ApiOptions, type Endpoints, openApi } from './api';
import type { Engine } from './engine';
import { startDatabase, startRedis } from './engines';
import { startSuite, type Suite, type SuiteOptions } from './suite';

/** A whole suite of its own: engines, processes, a fresh folder, and an API with the certificate of `ops`. */
export interface TestSuite extends Suite {
  readonly dir: string;
  readonly database: Engine;
  readonly redis: Engine;
  readonly endpoints: Endpoints;
  readonly api: Api;
  /** Lines that the engines and the supervisor had to say, for a failing test to print. */
  readonly lines: string[];
  /** Another API, with the certificate of another caller that `callers` has named. */
  apiAs(caller: string, options?: ApiOptions): Api;
}

/** Starts it; `stop()` ends everything and removes the folder. */
export async function startTestSuite(
  options: Partial<
    Pick<SuiteOptions, 'keyReplicas' | 'roleReplicas' | 'env' | 'mains' | 'frontEnds' | 'checkers' | 'callers'>
  > = {},
): Promise<TestSuite> {
  const dir = mkdtempSync(join(tmpdir(), 'latchkey-test-'));
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const engines: Engine[] = [];
  const apis: Api[] = [];
  let suite: Suite | undefined;
  const stop = async (): Promise<void> => {
    apis.forEach((api) => api.close());
    await suite?.stop();
    for (const engine of engines.toReversed()) await engine.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const database = await startDatabase({ dir: join(dir, 'database'), log });
    engines.push(database);
    const redis = await startRedis({ dir: join(dir, 'redis'), log });
    engines.push(redis);
    suite = await startSuite({ dir, database, redis, log, ...options });
    const { addresses, keyAddresses, roleAddresses, tls } = suite;
    const endpoints: Endpoints = {
      identity: { address: addresses.identity },
      role: { address: addresses.role, replicas: roleAddresses },
      key: { address: addresses.key, replicas: keyAddresses },
      tls: tls('ops'),
    };
    const apiAs = (caller: string, apiOptions?: ApiOptions): Api => {
      const api = openApi(endpoints, tls(caller), apiOptions);
      apis.push(api);
      return api;
    };
    return { ...suite, dir, database, redis, endpoints, api: apiAs('ops'), lines, apiAs, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
