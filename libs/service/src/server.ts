import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { type AdapterOptions, type OnRefused, unary } from './adapter';
import { assertFree } from './listen';
import { contract, describedService } from './contract';
import { type Guard } from './context';
import { AppError } from './errors';
import { Health, HEALTH_SERVICE, healthFiles } from './health';
import { type Logger } from './logger';
import { registrationProblems, type ServiceRegistration } from './registration';
import { letCallsDieYoung } from './session-streams';
import { shutDown } from './shutdown';
import { duplex, type StreamOptions } from './stream';
import { type TlsFiles, WatchedCertificates } from './tls';

export interface Limits {
  /** Largest request, bytes. Default 64 KiB. */
  readonly messageBytes: number;
  /** Longest call, ms, whatever the client asks for. Default 10 s. */
  readonly deadlineMs: number;
  /** Calls at once; more get RESOURCE_EXHAUSTED. Default 2000. */
  readonly running: number;
  /** Streams at once, half of them of one caller; more get RESOURCE_EXHAUSTED. Default 1000. */
  readonly streams: number;
  /** Longest stream, ms. Default one hour. */
  readonly streamMs: number;
  /** Between NOT_SERVING and the refusal of new connections, ms: load balancers need a moment. Default 250. */
  readonly drainMs: number;
  /** For running calls to end after that, ms. Default 10 s. */
  readonly graceMs: number;
  /** How often certificate files are looked at, ms. Default 5 s. */
  readonly certificatesMs: number;
}

const DEFAULTS: Limits = {
  messageBytes: 64 * 1024,
  deadlineMs: 10_000,
  running: 2_000,
  streams: 1_000,
  streamMs: 3_600_000,
  drainMs: 250,
  graceMs: 10_000,
  certificatesMs: 5_000,
};

export interface ServerOptions {
  /** `host:port`; port 0 lets the system choose. */
  readonly listen: string;
  readonly tls: TlsFiles;
  readonly services: readonly ServiceRegistration[];
  /** Callers that may assert a user. */
  readonly frontEnds: readonly string[];
  /** Needed as soon as a rule decides about actors. */
  readonly guard?: Guard;
  readonly log: Logger;
  readonly onRefused?: OnRefused;
  /** Resolves while this process's own store answers. Asked each second; it makes health SERVING or not. */
  readonly ready: () => Promise<void>;
  /** Called when the server stops, once load balancers had their moment and before streams and calls are ended. */
  readonly beforeEnd?: () => Promise<void>;
  readonly limits?: Partial<Limits>;
}

export interface RunningServer {
  readonly port: number;
  /** The app's own word on its health; SERVING takes this and ready(). */
  setServing(serving: boolean): void;
  /** NOT_SERVING, a short wait, running calls end, everything closes. Bounded by drainMs + graceMs; idempotent. */
  stop(): Promise<void>;
}

/** @throws Error with a readable sentence: an RPC without a rule, a bad certificate file, a port in use */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { services, log } = options;
  const limits: Limits = { ...DEFAULTS, ...options.limits };
  const problems = registrationProblems(services, options.guard !== undefined);
  if (problems.length > 0) throw new Error(`the services cannot be mounted: ${problems.join('; ')}`);
  const certificates = new WatchedCertificates(
    options.tls,
    (error) => log.error({ err: error }, 'new certificates cannot be used, the old ones go on'),
    limits.certificatesMs,
  );

  const server = new grpc.Server({
    'grpc.max_receive_message_length': limits.messageBytes,
    'grpc.enable_channelz': 0,
    'grpc.max_concurrent_streams': 1_000,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // Connections outlive the authority that vouched for them: after five minutes they take no new calls, and end with the
    // last that runs on them.
    'grpc.max_connection_age_ms': 300_000,
    'grpc.max_connection_age_grace_ms': Math.max(limits.deadlineMs, limits.streamMs) + 15_000,
  });
  tolerateResets(server);

  const running = new Set<symbol>();
  const streams: StreamOptions['streams'] = new Map();
  mount(server, services, {
    frontEnds: new Set(options.frontEnds),
    guard: options.guard,
    log,
    onRefused: options.onRefused,
    deadlineMs: limits.deadlineMs,
    maxRunning: limits.running,
    running,
    maxStreams: limits.streams,
    streamMs: limits.streamMs,
    streams,
  });
  const names = services.map((s) => s.name);
  const health = new Health(names, options.ready, log);
  health.addTo(server);
  reflect(server, names);

  await assertFree(options.listen);
  // The declared order (ca, identity) of these two is wrong in 1.14.7; one provider for both suits either order.
  const credentials = grpc.experimental.createCertificateProviderServerCredentials(certificates, certificates, true);
  const port = await bind(server, options.listen, credentials);
  letCallsDieYoung(server);
  await health.start();
  log.info({ port, services: names }, 'listening');

  let stopped: Promise<void> | undefined;
  return {
    port,
    setServing: (serving) => health.set(serving),
    stop: () =>
      (stopped ??= (async () => {
        health.stop();
        await sleep(limits.drainMs);
        await options.beforeEnd?.();
        for (const end of streams.keys()) end(stopping());
        await shutDown(server, running, limits);
      })()),
  };
}

function mount(
  server: grpc.Server,
  services: readonly ServiceRegistration[],
  options: AdapterOptions & StreamOptions,
): void {
  for (const { name, definition, table, quick } of services) {
    const methods = describedService(name).methods;
    const implementation: grpc.UntypedServiceImplementation = {};
    const bytesOnly: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {};
    for (const descriptor of methods) {
      const key = descriptor.localName;
      const method = definition[key];
      const entry = table[key];
      if (!method || !entry) throw new Error(`${name}/${descriptor.name} has no rule`);
      // Decoding and encoding happen in the adapter: in its order, and with its errors.
      bytesOnly[key] = { ...method, requestDeserialize: (bytes) => bytes, responseSerialize: (bytes) => bytes };
      const named = { name: `${name}/${descriptor.name}`, descriptor, definition: method };
      implementation[key] =
        'open' in entry ? duplex({ ...named, entry }, options) : unary({ ...named, entry, quick: quick[key] }, options);
    }
    server.addService(bytesOnly, implementation);
  }
}

function reflect(server: grpc.Server, services: readonly string[]): void {
  // proto-loader's descriptors lose their imports, so reflection is given the files as they were written.
  const fileDescriptorProtos = [...contract().files, ...healthFiles()];
  const files = { all: { fileDescriptorProtos } } as unknown as PackageDefinition;
  new ReflectionService(files, { services: [...services, HEALTH_SERVICE] }).addToServer(server);
}

/**
 * How many streams a client may reset on one connection, at once and further ones a second, before the server closes it under the calls that
 * run there. nghttp2's own 1,000 and 33 are too few: a burst of client-side deadlines is enough. Both or neither count; from Node
 * 22.10 on, since those before know no such options.
 */
const RESETS = { streamResetBurst: 100_000, streamResetRate: 10_000 } as const;

function tolerateResets(server: grpc.Server): void {
  const common: unknown = Reflect.get(server, 'commonServerOptions');
  if (typeof common === 'object' && common !== null) Object.assign(common, RESETS);
}

async function bind(server: grpc.Server, listen: string, credentials: grpc.ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error) reject(new Error(`cannot listen on ${listen}: ${error.message}`, { cause: error }));
      else resolve(port);
    });
  });
}

function stopping(): AppError {
  return new AppError({
    code: 'UNAVAILABLE',
    reason: 'STOPPING',
    message: 'this server stops; another one may answer',
    retryAfterMs: 100,
  });
}
