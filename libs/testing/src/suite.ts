import { join } from 'node:path';
import { createPki, type Pki, type TlsFiles } from './certificates';
import type { Exit } from './child';
import type { Log } from './engine';
import { freePort } from './ports';
import { repositoryRoot } from './root';
import { ServiceProcess } from './service-process';

export type AppName = 'identity' | 'role' | 'key' | 'worker';
/** Further replicas of an app: key2 is the second of key. */
type FurtherReplica = 'role2' | 'key2' | 'key3';
export type ProcessName = AppName | FurtherReplica;

const REPLICAS_OF = {
  identity: ['identity'],
  role: ['role', 'role2'],
  key: ['key', 'key2', 'key3'],
  worker: ['worker'],
} as const satisfies Record<AppName, readonly ProcessName[]>;
/** The worker calls the others, and key is what they ask for decisions: who calls stops first. */
const STOP_ORDER: ProcessName[] = ['worker', 'key3', 'key2', 'key', 'role2', 'role', 'identity'];

export interface SuiteOptions {
  /** Certificates in `<dir>/tls`, logs in `<dir>/logs`. */
  dir: string;
  /** What is not given gets a free port. */
  ports?: Partial<Record<ProcessName, number>>;
  /** How many processes of key; 1 if not given. */
  keyReplicas?: 1 | 2 | 3;
  /** How many processes of role; 1 if not given. */
  roleReplicas?: 1 | 2;
  database: { uri: string };
  redis: { uri: string };
  log: Log;
  /** Caller names that may assert a user; `['ops']` if not given. */
  frontEnds?: string[];
  /** Caller names that may ask Authorize; `['ops']` if not given. */
  checkers?: string[];
  /** More names to issue certificates for, besides the services' and `ops`. */
  callers?: string[];
  /** Adds to and overrides the environment, of one process or under `all` of each. */
  env?: Partial<Record<ProcessName | 'all', Record<string, string>>>;
  /** Another entry file for an app, in place of `apps/<app>/dist/main.js`. */
  mains?: Partial<Record<AppName, string>>;
  /** Called when a process ends unasked after the suite is up. */
  onUnexpectedExit?: (process: ServiceProcess, exit: Exit) => void;
}

/** The services as processes, up and SERVING. */
export interface Suite {
  /** `localhost:port` per process. */
  readonly addresses: Readonly<Record<AppName, string>> & Readonly<Partial<Record<FurtherReplica, string>>>;
  /** Every replica of key, in order. */
  readonly keyAddresses: string[];
  /** Every replica of role, in order. */
  readonly roleAddresses: string[];
  readonly processes: Readonly<Record<AppName, ServiceProcess>> & Partial<Record<FurtherReplica, ServiceProcess>>;
  readonly pki: Pki;
  /** The certificate files of a caller, `ops` if not given. */
  tls(caller?: string): TlsFiles;
  /** Stops worker, key, role, identity, in this order. The engines are the caller's. */
  stop(): Promise<void>;
}

/**
 * Starts identity, role and key (as many times as asked) and worker as processes over mTLS, and waits until each reports SERVING.
 * A second replica calls the second replica of another app, where there is one.
 * @throws ProcessFailedError when one does not, with the end of its log; nothing is left running then.
 */
export async function startSuite(options: SuiteOptions): Promise<Suite> {
  const apps: AppName[] = ['identity', 'role', 'key', 'worker'];
  const counts: Partial<Record<AppName, number>> = { role: options.roleReplicas, key: options.keyReplicas };
  const replicas = (app: AppName): readonly ProcessName[] => REPLICAS_OF[app].slice(0, counts[app] ?? 1);
  const names = apps.flatMap(replicas);
  const pki = await createPki(join(options.dir, 'tls'), [...apps, 'ops', ...(options.callers ?? [])]);
  const addresses: Partial<Record<ProcessName, string>> = {};
  for (const name of names) addresses[name] = `localhost:${options.ports?.[name] ?? (await freePort())}`;
  let up = false;
  const processes = Object.fromEntries(
    names.map((name) => [
      name,
      new ServiceProcess({
        name,
        main: options.mains?.[appOf(name)] ?? join(repositoryRoot, 'apps', appOf(name), 'dist/main.js'),
        address: addresses[name] ?? '',
        env: environment(name, addresses, pki, options),
        logFile: join(options.dir, 'logs', `${name}.log`),
        tls: pki.files('ops'),
        onUnexpectedExit: (process, exit) => {
          // While starting, the one who waits for it reports it.
          if (up) options.onUnexpectedExit?.(process, exit);
        },
      }),
    ]),
  ) as Partial<Record<ProcessName, ServiceProcess>>;
  const stop = async (): Promise<void> => {
    up = false;
    for (const name of STOP_ORDER) await processes[name]?.stop();
  };
  try {
    const launched = await Promise.allSettled(Object.values(processes).map((process) => process.launch()));
    for (const result of launched) if (result.status === 'rejected') throw result.reason;
    await Promise.all(
      Object.values(processes).map(async (process) => {
        await process.waitForServing();
        options.log(`${process.name} is serving on ${process.address} (pid ${process.pid})`);
      }),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  up = true;
  return {
    addresses: addresses as Suite['addresses'],
    keyAddresses: replicas('key').flatMap((name) => addresses[name] ?? []),
    roleAddresses: replicas('role').flatMap((name) => addresses[name] ?? []),
    processes: processes as Suite['processes'],
    pki,
    tls: (caller = 'ops') => pki.files(caller),
    stop,
  };
}

function appOf(name: ProcessName): AppName {
  const apps = Object.keys(REPLICAS_OF) as AppName[];
  const app = apps.find((each) => (REPLICAS_OF[each] as readonly ProcessName[]).includes(name));
  if (app === undefined) throw new RangeError(`${name} is a replica of nothing`);
  return app;
}

/** The replica of `app` that `name` calls. */
function peerOf(name: ProcessName, app: AppName, addresses: Partial<Record<ProcessName, string>>): string {
  const peers = REPLICAS_OF[app].flatMap((each) => addresses[each] ?? []);
  const number = (REPLICAS_OF[appOf(name)] as readonly ProcessName[]).indexOf(name);
  return peers[number % peers.length] ?? '';
}

function environment(
  name: ProcessName,
  addresses: Partial<Record<ProcessName, string>>,
  pki: Pki,
  options: SuiteOptions,
): Record<string, string> {
  const app = appOf(name);
  const tls = pki.files(app);
  const env: Record<string, string> = {
    LATCHKEY_LISTEN: addresses[name] ?? '',
    LATCHKEY_TLS_CA: tls.ca,
    LATCHKEY_TLS_CERT: tls.cert,
    LATCHKEY_TLS_KEY: tls.key,
    LATCHKEY_FRONT_ENDS: (options.frontEnds ?? ['ops']).join(','),
    LATCHKEY_CHECKERS: (options.checkers ?? ['ops']).join(','),
    LATCHKEY_LOG_LEVEL: 'info',
  };
  // Each is told of the others, not of itself: a service that calls its own API by accident should find no address.
  for (const other of ['identity', 'role', 'key'] as const) {
    if (other !== app) env[`LATCHKEY_${other.toUpperCase()}_ADDRESS`] = peerOf(name, other, addresses);
  }
  if (app !== 'worker') env.MONGODB_URI = options.database.uri;
  env.REDIS_URL = options.redis.uri;
  return { ...env, ...options.env?.all, ...options.env?.[name] };
}
