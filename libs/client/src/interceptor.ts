import * as grpc from '@grpc/grpc-js';
import { bearerOf, LatchkeyError, toAppError, toStatus } from '@latchkey/service';
import { admit, type PermissionRule } from './admission';
import { type LatchkeyClient } from './client';

/** What a method takes. `workspaceId` and `organizationId` find the place in the request message. */
export type MethodRule = 'open' | PermissionRule<GrpcRequest>;

export interface GrpcRequest {
  /** The request message; undefined for a method to which requests stream, which has to be told by its metadata. */
  readonly message: unknown;
  readonly metadata: grpc.Metadata;
}

/** A place that the request message names: `workspaceId: inMessage<CreateOrderRequest>((order) => order.workspaceId)`. */
export function inMessage<Message>(find: (message: Message) => string): (request: GrpcRequest) => string {
  // Whoever writes the rule of a method knows the type of its requests.
  return ({ message }) => find(message as Message);
}

export interface InterceptorOptions {
  /** Where the key is. Default: `authorization: Bearer <key>`. */
  readonly keyOf?: (metadata: grpc.Metadata) => string | undefined;
}

/**
 * An interceptor for a grpc-js server: lets a call in when the holder of its key holds the permission of its method. Rules by path,
 * `/shop.v1.OrderService/CreateOrder`; a method without one is refused, so that a forgotten rule opens nothing. Refusals and
 * faults carry ErrorInfo, and RetryInfo where a repeat makes sense. In a handler, `decisionOf(call.metadata)` says who calls.
 */
export function requirePermission(
  latchkey: Pick<LatchkeyClient, 'authorize'>,
  rules: Readonly<Record<string, MethodRule>>,
  { keyOf = bearerIn }: InterceptorOptions = {},
): grpc.ServerInterceptor {
  return ({ path, requestStream }, call) => {
    const rule = Object.hasOwn(rules, path) ? rules[path] : undefined;
    if (rule === 'open') return new grpc.ServerInterceptingCall(call);
    let metadata = new grpc.Metadata();
    const over = new AbortController();
    const decide = (message: unknown, next: () => void): void => {
      const admitted = rule
        ? admit(latchkey, rule, {
            key: keyOf(metadata),
            from: { message, metadata },
            remembered: metadata,
            signal: over.signal,
          })
        : Promise.reject(noRule(path));
      admitted.then(next, (error: unknown) => {
        if (!over.signal.aborted) call.sendStatus(toStatus(toAppError(error)));
      });
    };
    const listener = new grpc.ServerListenerBuilder()
      .withOnReceiveMetadata((received, next) => {
        metadata = received;
        // Its handler begins before any message: it is decided before.
        if (requestStream) decide(undefined, () => next(received));
        else next(received);
      })
      .withOnReceiveMessage((message: unknown, next) => {
        if (requestStream) next(message);
        else decide(message, () => next(message));
      })
      .withOnCancel(() => over.abort())
      .build();
    return new grpc.ServerInterceptingCall(
      call,
      new grpc.ResponderBuilder().withStart((next) => next(listener)).build(),
    );
  };
}

function bearerIn(metadata: grpc.Metadata): string | undefined {
  const values = metadata.get('authorization');
  return values.length === 1 ? bearerOf(String(values[0])) : undefined;
}

function noRule(path: string): LatchkeyError {
  return new LatchkeyError({
    code: 'PERMISSION_DENIED',
    reason: 'NO_RULE',
    message: 'nobody may call this method: it has no rule',
    metadata: { method: path },
  });
}
