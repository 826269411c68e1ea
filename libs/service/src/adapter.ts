import { hash } from 'node:crypto';
import type * as grpc from '@grpc/grpc-js';
import type { DescMethod } from '@bufbuild/protobuf';
import { callerOf } from './caller';
import { type CallContext, type Guard } from './context';
import { isMutation } from './contract';
import { credentialOf } from './credential';
import { AppError, type Code, toAppError } from './errors';
import { Lifetime } from './lifetime';
import { type Logger } from './logger';
import { callerRequired } from './refusals';
import { type QuickCodec, type RpcEntry } from './registration';
import { type Claim } from './rules';
import { toStatus } from './status';
import { decoded, validateRequest } from './validation';

/** Told of a refused mutation whose caller and actor are known, before its answer leaves. Must not throw for control. */
export type OnRefused = (ctx: CallContext, request: unknown, error: AppError) => Promise<void>;

export interface AdapterOptions {
  readonly frontEnds: ReadonlySet<string>;
  readonly guard: Guard | undefined;
  readonly log: Logger;
  readonly onRefused: OnRefused | undefined;
  /** The longest that any call may take, ms. */
  readonly deadlineMs: number;
  /** Calls at once, over which further ones are shed. */
  readonly maxRunning: number;
  /** Calls whose handlers have not ended, their answers sent or not. */
  readonly running: Set<symbol>;
}

/** A method as the adapter sees it: bytes in, bytes out. */
export interface Method {
  readonly name: string;
  readonly descriptor: DescMethod;
  readonly definition: grpc.MethodDefinition<unknown, unknown>;
  readonly entry: RpcEntry<unknown, unknown>;
  readonly quick: QuickCodec<unknown, unknown> | undefined;
}

const AUDITED: ReadonlySet<Code> = new Set<Code>([
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'ABORTED',
]);

const ON_REFUSED_LIMIT_MS = 2_000;
const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * A unary call from its bytes to its answer: caller, then fields, then actor, then the handler. A peer that is not
 * entitled to a step learns nothing of the next. What needs to wait for nothing is answered in the same turn.
 */
export function unary(method: Method, options: AdapterOptions): grpc.handleUnaryCall<Buffer, Buffer> {
  const mutation = isMutation(method.descriptor);
  const logOf = callLogs(method.name, options.log);
  return (call, done) => {
    const started = performance.now();
    const lifetime = new Lifetime(call, options.deadlineMs);
    const caller = callerOf(call);
    const traceparent = traceparentOf(call.metadata);
    const log = logOf(caller, traceparent);
    const finish = (error: AppError | undefined, answer?: Buffer) => {
      lifetime.end();
      report(log, error, performance.now() - started);
      if (error) done(toStatus(error));
      else done(null, answer);
    };
    if (options.running.size >= options.maxRunning) return finish(overloaded());

    let work: Buffer | Promise<Buffer>;
    try {
      work = serve(method, call, { caller, traceparent, log, lifetime, mutation }, options);
    } catch (error) {
      return finish(toAppError(error));
    }
    if (!(work instanceof Promise)) return finish(undefined, work);

    const ticket = Symbol(method.name);
    options.running.add(ticket);
    work
      .catch((error: unknown) => {
        // After the deadline nobody waits for this outcome, but it may be the only trace of a fault.
        if (lifetime.signal.aborted) log.warn({ err: error }, 'failed after its answer');
      })
      .finally(() => options.running.delete(ticket));
    Promise.race([work, lifetime.watch()]).then(
      (answer) => finish(undefined, answer),
      (error: unknown) => finish(toAppError(error)),
    );
  };
}

interface Served {
  readonly caller: string | undefined;
  readonly traceparent: string | undefined;
  readonly log: Logger;
  readonly lifetime: Lifetime;
  readonly mutation: boolean;
}

/** Throws what it can refuse at once, and rejects with what it cannot. */
function serve(
  method: Method,
  call: grpc.ServerUnaryCall<Buffer, Buffer>,
  { caller, traceparent, log, lifetime, mutation }: Served,
  options: AdapterOptions,
): Buffer | Promise<Buffer> {
  const { rule, handle } = method.entry;
  if (!caller) throw callerRequired();
  const credential = credentialOf(call.metadata);
  const claim: Claim = { caller, credential, frontEnds: options.frontEnds, guard: options.guard };
  const callerError = rule.refusesCaller(claim);
  if (callerError) throw callerError;

  const bytes = call.request;
  const request = read(method, bytes);
  const ctx: CallContext = {
    rpc: method.name,
    caller,
    deadline: lifetime.deadline,
    signal: lifetime.signal,
    requestId: requestIdOf(request),
    requestDigest: mutation ? hash('sha256', bytes, 'hex') : '',
    log,
    traceparent,
    actor: undefined,
  };

  const refused = async (known: CallContext, error: AppError): Promise<never> => {
    if (options.onRefused) {
      await bounded(options.onRefused(known, request, error), ON_REFUSED_LIMIT_MS).catch((failure: unknown) =>
        log.error({ err: failure }, 'a refusal could not be recorded'),
      );
    }
    throw error;
  };
  const audited = ({ code }: AppError): boolean => mutation && options.onRefused !== undefined && AUDITED.has(code);
  const failed = (known: CallContext, fault: unknown): Promise<never> => {
    const error = toAppError(fault);
    if (audited(error)) return refused(known, error);
    throw error;
  };

  return following(rule.admit(request, ctx, claim), (admission) => {
    if (!admission.ok) {
      const { actor, error } = admission;
      if (actor && audited(error)) return refused({ ...ctx, actor }, error);
      throw error;
    }
    // A guard's answer may have taken longer than the call has: then the handler must not begin.
    lifetime.signal.throwIfAborted();
    let response: unknown;
    try {
      response = handle(request, admission.ctx);
    } catch (error) {
      return failed(admission.ctx, error);
    }
    return response instanceof Promise
      ? response.then(
          (late) => written(method, late),
          (error: unknown) => failed(admission.ctx, error),
        )
      : written(method, response);
  });
}

function read({ descriptor, definition, quick }: Method, bytes: Buffer): unknown {
  const quickly = quick?.read(bytes);
  if (quickly !== undefined) return quickly;
  validateRequest(descriptor.input, bytes);
  return decoded(() => definition.requestDeserialize(bytes));
}

function written({ definition, quick }: Method, response: unknown): Buffer {
  return quick?.write(response) ?? definition.responseSerialize(response);
}

/** Goes on at once with what is there, and later with what is promised. */
function following<A, B>(found: A | Promise<A>, next: (found: A) => B | Promise<B>): B | Promise<B> {
  return found instanceof Promise ? found.then(next) : next(found);
}

/** Callers are few; the bound is for an authority that hands out names without end. */
const MOST_CALLERS = 1_000;

/** The loggers of one RPC's calls: one for each caller, and one for each call that is traced. */
export function callLogs(
  rpc: string,
  log: Logger,
): (caller: string | undefined, traceparent: string | undefined) => Logger {
  const byCaller = new Map<string | undefined, Logger>();
  return (caller, traceparent) => {
    let known = byCaller.get(caller);
    if (known === undefined) {
      if (byCaller.size >= MOST_CALLERS) byCaller.clear();
      known = log.child({ rpc, caller });
      byCaller.set(caller, known);
    }
    const traceId = traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1];
    return traceId === undefined ? known : known.child({ traceId });
  };
}

/** The W3C header, when the caller sent a valid one. */
export function traceparentOf(metadata: grpc.Metadata): string | undefined {
  const value = metadata.get('traceparent')[0];
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined;
}

function requestIdOf(request: unknown): string {
  const has = typeof request === 'object' && request !== null && 'requestId' in request;
  return has && typeof request.requestId === 'string' ? request.requestId : '';
}

// The one line that says how a call ended. Faults carry their stack, refusals their reason.
function report(log: Logger, error: AppError | undefined, ms: number): void {
  // Most calls are answered, and their lines wanted by nobody.
  if (!error && !log.isLevelEnabled('debug')) return;
  const outcome = { code: error?.code ?? 'OK', ...(error && { reason: error.reason }), ms: Math.round(ms * 10) / 10 };
  if (!error) log.debug(outcome, 'answered');
  else if (error.code === 'INTERNAL') log.error({ ...outcome, err: error.cause ?? error }, 'failed');
  // Without a cause it was decided here, as by every check of a replica without a lease: where says nothing more than why.
  else if (error.code === 'UNAVAILABLE')
    log.warn({ ...outcome, ...(error.cause ? { err: error.cause } : {}) }, 'unavailable');
  else log.info(outcome, 'refused');
}

function overloaded(): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'OVERLOADED',
    message: 'too many calls at once',
    retryAfterMs: 1_000,
  });
}

async function bounded(work: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
