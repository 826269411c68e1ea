import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { spiffeName } from './caller';
import { fromServiceError } from './client-errors';
import { AppError } from './errors';
import { cancelled, deadlineExceeded } from './lifetime';
import { type TlsFiles, WatchedCertificates } from './tls';

/**
 * What a call carries beside its request. A handler passes its own CallContext, of which this is a part. The actor is not:
 * between services there are callers only.
 */
export interface Outgoing {
  /** Epoch milliseconds. */
  readonly deadline: number;
  readonly signal?: AbortSignal;
  readonly traceparent?: string | undefined;
}

/** For calls that no incoming call caused: a deadline `timeoutMs` from now. */
export function within(timeoutMs: number, more: Omit<Outgoing, 'deadline'> = {}): Outgoing {
  return { ...more, deadline: Date.now() + timeoutMs };
}

export interface ConnectOptions {
  /** `host:port`; the certificate on the other end must carry the host. */
  readonly address: string;
  readonly tls: TlsFiles;
  /** The SPIFFE name that the other end must have as well: `identity`. */
  readonly serviceName?: string;
  /** Called around every call with `call:<service>.<Method>:before` and `…:after`, for tests that stop the process there. */
  readonly checkpoint?: (step: string) => Promise<void>;
  /** Told of new certificate files that cannot be used, while the old ones go on. Default: a warning of the process. */
  readonly log?: { error(about: object, message: string): void };
  /** Largest response, bytes. Default 1 MiB: a page of a list is larger than any request. */
  readonly messageBytes?: number;
  /** `round_robin`: calls take turns over every address that the name stands for. Default: all go to one of them. */
  readonly loadBalancing?: 'pick_first' | 'round_robin';
  /** After how long in CONNECTING the channel is built anew, ms. Default 20 s. */
  readonly stuckMs?: number;
  /**
   * A connection on which calls run and which has been silent for `everyMs` is asked for a sign of life; without one for `withinMs`
   * it is given up, and what ran on it is UNAVAILABLE. Default 30 s and 10 s.
   */
  readonly keepalive?: { readonly everyMs: number; readonly withinMs: number };
}

/** One channel to one service. */
export interface Connection {
  readonly address: string;
  /**
   * Rejects with an AppError: UNAVAILABLE where there was no connection in time, DEADLINE_EXCEEDED where there was one and no answer, and
   * what the answer means here otherwise.
   */
  call<Req, Res>(method: grpc.MethodDefinition<Req, Res>, request: Req, outgoing: Outgoing): Promise<Res>;
  /** Opens a stream in both directions. It has no deadline: it lasts until one of the ends ends it. */
  open<Req, Res>(method: grpc.MethodDefinition<Req, Res>, end: StreamEnd<Res>): OpenStream<Req>;
  /** For good: what is asked afterwards is UNAVAILABLE. */
  close(): void;
}

/** This end of a stream. */
export interface StreamEnd<Res> {
  received(message: Res): void;
  /** It is over, for whatever reason; called once. */
  closed(error: AppError | undefined): void;
}

export interface OpenStream<Req> {
  send(message: Req): void;
  /** Sends what waits to be sent, and nothing more. */
  end(): void;
  /** Gives it up at once. */
  cancel(): void;
}

interface Generated {
  readonly service: grpc.ServiceDefinition;
}

type Call<Method> = Method extends {
  requestDeserialize: (bytes: Buffer) => infer Req;
  responseDeserialize: (bytes: Buffer) => infer Res;
}
  ? (request: Req, outgoing: Outgoing) => Promise<Res>
  : never;

/** The methods of a generated client that are no streams, with promises. */
export type PromisedClient<Client extends Generated> = {
  readonly [
    Method in keyof Client['service'] as Client['service'][Method] extends { requestStream: false } ? Method : never
  ]: Call<Client['service'][Method]>;
};

/** `const members = client(identityV1.MemberServiceClient, connection); await members.getMember({ … }, ctx)` */
export function client<Client extends Generated>(generated: Client, connection: Connection): PromisedClient<Client> {
  const methods = Object.entries(generated.service)
    .filter(([, method]) => !method.requestStream && !method.responseStream)
    .map(([name, method]) => [
      name,
      (request: unknown, outgoing: Outgoing) => connection.call(method, request, outgoing),
    ]);
  // Object.fromEntries cannot relate each name to its own types; Call<> above says what each entry is.
  return Object.fromEntries(methods) as PromisedClient<Client>;
}

const STUCK_MS = 20_000;
const KEEPALIVE = { everyMs: 30_000, withinMs: 10_000 };
const BAD_CERTIFICATES = 'new certificates cannot be used, the old ones go on';

// Retries are for calls that did not get through; throttled, so that they do not feed an outage.
const SERVICE_CONFIG = {
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: '0.05s',
        maxBackoff: '1s',
        backoffMultiplier: 3,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
  retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
};

/** @throws Error naming a certificate file that cannot be used. An unreachable address shows with the first call. */
export function connect(options: ConnectOptions): Connection {
  const { address, checkpoint, keepalive = KEEPALIVE } = options;
  const certificates = new WatchedCertificates(options.tls, (err) =>
    options.log ? options.log.error({ err }, BAD_CERTIFICATES) : process.emitWarning(err),
  );
  const credentials = grpc.experimental.createCertificateProviderChannelCredentials(certificates, certificates, {
    checkServerIdentity: (host, certificate) => identityProblem(host, certificate, options.serviceName),
  });
  const open = () =>
    new grpc.Client(address, credentials, {
      'grpc.service_config': JSON.stringify({
        ...SERVICE_CONFIG,
        loadBalancingConfig: [{ [options.loadBalancing ?? 'pick_first']: {} }],
      }),
      'grpc.enable_channelz': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': options.messageBytes ?? 1024 * 1024,
      'grpc.keepalive_time_ms': keepalive.everyMs,
      'grpc.keepalive_timeout_ms': keepalive.withinMs,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.dns_min_time_between_resolutions_ms': 5_000,
    });
  let current = open();
  let connectingSince: number | undefined;
  let closed = false;

  // A peer that accepts the connection and then says nothing leaves the channel CONNECTING for ever.
  const live = (): grpc.Client => {
    if (closed) throw connectionClosed();
    if (current.getChannel().getConnectivityState(false) !== grpc.connectivityState.CONNECTING) {
      connectingSince = undefined;
    } else {
      connectingSince ??= performance.now();
      if (performance.now() - connectingSince > (options.stuckMs ?? STUCK_MS)) {
        current.close();
        current = open();
        connectingSince = undefined;
      }
    }
    return current;
  };

  return {
    address,
    call: async (method, request, outgoing) => {
      const step = `call:${stepName(method.path)}`;
      await checkpoint?.(`${step}:before`);
      const answer = await invoke(live(), method, request, outgoing);
      await checkpoint?.(`${step}:after`);
      return answer;
    },
    open: (method, end) => openStream(live(), method, end),
    close: () => {
      closed = true;
      current.close();
    },
  };
}

function invoke<Req, Res>(
  channel: grpc.Client,
  method: grpc.MethodDefinition<Req, Res>,
  request: Req,
  outgoing: Outgoing,
): Promise<Res> {
  const { deadline, signal, traceparent } = outgoing;
  const metadata = new grpc.Metadata();
  if (traceparent) metadata.set('traceparent', traceparent);
  return new Promise((resolve, reject) => {
    if (signal?.aborted || Date.now() >= deadline) return reject(gaveUp(signal));
    const call = channel.makeUnaryRequest(
      method.path,
      (value: Req) => method.requestSerialize(value),
      (bytes) => method.responseDeserialize(bytes),
      request,
      metadata,
      { deadline },
      (error, response) => {
        signal?.removeEventListener('abort', cancel);
        if (!error && response !== undefined) return resolve(response);
        // Whoever was connected is late; who was not, cannot be reached.
        const late = Date.now() >= deadline && isConnected(channel);
        reject(signal?.aborted || late ? gaveUp(signal) : fromServiceError(error, stepName(method.path)));
      },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

function openStream<Req, Res>(
  channel: grpc.Client,
  method: grpc.MethodDefinition<Req, Res>,
  end: StreamEnd<Res>,
): OpenStream<Req> {
  const call = channel.makeBidiStreamRequest(
    method.path,
    (value: Req) => method.requestSerialize(value),
    (bytes) => method.responseDeserialize(bytes),
  );
  let failure: AppError | undefined;
  call.on('data', (message: Res) => end.received(message));
  call.on('error', (error: Error) => {
    failure = fromServiceError(error as grpc.ServiceError, stepName(method.path));
  });
  call.on('status', () => setImmediate(() => end.closed(failure)));
  return {
    send: (message) => void call.write(message),
    end: () => void call.end(),
    cancel: () => call.cancel(),
  };
}

// In a process that ends: another one may answer.
function connectionClosed(): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason: 'CLOSED', message: 'this client was closed' });
}

function isConnected(channel: grpc.Client): boolean {
  return channel.getChannel().getConnectivityState(false) === grpc.connectivityState.READY;
}

/** Why nobody waits any more: the reason of an aborted signal tells a deadline from a client that hung up. */
export function gaveUp(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.aborted ? signal.reason : deadlineExceeded();
  return reason instanceof AppError ? reason : cancelled();
}

function identityProblem(host: string, certificate: PeerCertificate, name: string | undefined): Error | undefined {
  const problem = checkServerIdentity(host, certificate);
  if (problem || name === undefined) return problem;
  const found = spiffeName(certificate.subjectaltname ?? '');
  return found === name ? undefined : new Error(`the server at ${host} is ${found ?? 'nobody we know'}, not ${name}`);
}

/** `role.BindPrincipal` of `/latchkey.role.v1.BindingService/BindPrincipal`. */
function stepName(path: string): string {
  const [, service = '', method = ''] = path.split('/');
  return `${service.split('.')[1] ?? service}.${method}`;
}
