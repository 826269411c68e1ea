import type * as grpc from '@grpc/grpc-js';
import type { DescMethod } from '@bufbuild/protobuf';
import { type AdapterOptions, callLogs, traceparentOf } from './adapter';
import { callerOf } from './caller';
import { credentialOf } from './credential';
import { AppError, toAppError } from './errors';
import { type Logger } from './logger';
import { callerRequired } from './refusals';
import { type StreamEntry, type StreamHandler } from './registration';
import { toStatus } from './status';
import { decoded, validateRequest } from './validation';

/** A streaming method as the adapter sees it: bytes in, bytes out. */
export interface StreamMethod {
  readonly name: string;
  readonly descriptor: DescMethod;
  readonly definition: grpc.MethodDefinition<unknown, unknown>;
  readonly entry: StreamEntry<unknown, unknown>;
}

export interface StreamOptions extends Pick<AdapterOptions, 'frontEnds' | 'guard' | 'log'> {
  /** Streams at once, over which further ones are shed; half of them for one caller. */
  readonly maxStreams: number;
  /** How long a stream may last, ms; a tenth less at random, so that those of one moment do not end in one moment. */
  readonly streamMs: number;
  /** What ends each stream that is open, for when the server stops, and whose it is. */
  readonly streams: Map<(error: AppError) => void, string>;
}

/** After a stream was told that its time is over, ms. */
const LAST_WORDS_MS = 10_000;
/** Messages that wait to be sent. Who does not read them is cut off rather than kept in memory. */
const MOST_WAITING = 10_000;

/**
 * A stream in both directions, from its first byte to its end. Streams are for callers only: there is no actor. Each message
 * is held against its rules; a malformed one ends the stream.
 */
export function duplex(method: StreamMethod, options: StreamOptions): grpc.handleBidiStreamingCall<Buffer, Buffer> {
  const logOf = callLogs(method.name, options.log);
  return (call) => {
    const caller = callerOf(call);
    const log = logOf(caller, traceparentOf(call.metadata));
    let handler: StreamHandler<unknown> | undefined;
    const timers: NodeJS.Timeout[] = [];
    let over = false;
    const end = (error: AppError | undefined): void => {
      if (over) return;
      over = true;
      timers.forEach(clearTimeout);
      options.streams.delete(end);
      report(log, error);
      if (error) call.emit('error', Object.assign(new Error(error.message), toStatus(error)));
      else call.end();
      handler?.closed();
    };
    const guarded = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        end(toAppError(error));
      }
    };

    guarded(() => {
      const name = admit(method, call.metadata, caller, options);
      handler = method.entry.open(
        {
          send: (message) => {
            if (over) return;
            call.write(method.definition.responseSerialize(message));
            if (call.writableLength > MOST_WAITING) end(tooSlow());
          },
          end,
        },
        { caller: name, log },
      );
      options.streams.set(end, name);
    });
    if (over || !handler) return;
    const { received, expiring } = handler;
    const lifetime = options.streamMs * (1 - Math.random() / 10);
    timers.push(
      setTimeout(() => guarded(expiring), lifetime),
      setTimeout(() => end(undefined), lifetime + LAST_WORDS_MS),
    );
    call.on('data', (bytes: Buffer) =>
      guarded(() => {
        if (over) return;
        validateRequest(method.descriptor.input, bytes);
        received(decoded(() => method.definition.requestDeserialize(bytes)));
      }),
    );
    call.on('end', () => end(undefined));
    call.on('cancelled', () => end(undefined));
  };
}

/** Answers who opens the stream. */
function admit(
  { entry }: StreamMethod,
  metadata: grpc.Metadata,
  caller: string | undefined,
  { frontEnds, guard, streams, maxStreams }: StreamOptions,
): string {
  if (!caller) throw callerRequired();
  const refused = entry.rule.refusesCaller({ caller, credential: credentialOf(metadata), frontEnds, guard });
  if (refused) throw refused;
  const own = [...streams.values()].filter((name) => name === caller).length;
  if (streams.size >= maxStreams || own >= Math.ceil(maxStreams / 2)) {
    throw new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'TOO_MANY_STREAMS',
      message: 'too many streams at once',
      retryAfterMs: 1_000,
    });
  }
  return caller;
}

function tooSlow(): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'STREAM_TOO_SLOW',
    message: 'the stream is not read quickly enough',
    retryAfterMs: 1_000,
  });
}

function report(log: Logger, error: AppError | undefined): void {
  if (!error) log.debug('the stream has ended');
  else if (error.code === 'INTERNAL')
    log.error({ reason: error.reason, err: error.cause ?? error }, 'the stream failed');
  else log.info({ code: error.code, reason: error.reason }, 'the stream was ended');
}
