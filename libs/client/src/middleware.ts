import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { bearerOf, type LatchkeyError, toAppError } from '@latchkey/service';
import { admit, type PermissionRule } from './admission';
import { type LatchkeyClient } from './client';

export interface HttpOptions {
  /** Where the key is. Default: `authorization: Bearer <key>`, else `x-api-key`. */
  readonly keyOf?: (headers: IncomingHttpHeaders) => string | undefined;
}

/**
 * Middleware for Express and whatever else calls `(request, response, next)`: lets a request in when the holder of its key holds
 * the permission. Answers others itself: 400, 401, 403, 404, 429 and 503 with Retry-After, 504, 500, each with `{error: {code, reason, message}}`.
 * Afterwards `decisionOf(request)` says who it is.
 */
export function requirePermissionHttp<Request extends IncomingMessage>(
  latchkey: Pick<LatchkeyClient, 'authorize'>,
  required: PermissionRule<Request>,
  { keyOf = keyIn }: HttpOptions = {},
): (request: Request, response: ServerResponse, next: (error?: unknown) => void) => void {
  return (request, response, next) => {
    admit(latchkey, required, { key: keyOf(request.headers), from: request, remembered: request }).then(
      () => next(),
      (error: unknown) => {
        const { status, headers, body } = refusalOf(toAppError(error));
        response.writeHead(status, headers).end(JSON.stringify(body));
      },
    );
  };
}

interface FastifyRequestLike {
  readonly headers: IncomingHttpHeaders;
}

interface FastifyReplyLike {
  code(status: number): FastifyReplyLike;
  headers(values: Record<string, string>): FastifyReplyLike;
  send(body: unknown): unknown;
}

/** The same as a `preHandler` hook of Fastify. */
export function requirePermissionFastify<Request extends FastifyRequestLike>(
  latchkey: Pick<LatchkeyClient, 'authorize'>,
  required: PermissionRule<Request>,
  { keyOf = keyIn }: HttpOptions = {},
): (request: Request, reply: FastifyReplyLike) => Promise<void> {
  return async (request, reply) => {
    try {
      await admit(latchkey, required, { key: keyOf(request.headers), from: request, remembered: request });
    } catch (error) {
      const { status, headers, body } = refusalOf(toAppError(error));
      await reply.code(status).headers(headers).send(body);
    }
  };
}

function keyIn({ authorization, 'x-api-key': apiKey }: IncomingHttpHeaders): string | undefined {
  return bearerOf(authorization) ?? (typeof apiKey === 'string' ? apiKey : undefined);
}

const STATUS: Partial<Record<LatchkeyError['code'], number>> = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  RESOURCE_EXHAUSTED: 429,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

function refusalOf({ code, reason, message, metadata, retryAfterMs }: LatchkeyError): {
  status: number;
  headers: Record<string, string>;
  body: { error: { code: string; reason: string; message: string; metadata?: unknown } };
} {
  const status = STATUS[code];
  const headers: Record<string, string> = { 'content-type': 'application/json; charset=utf-8' };
  if (code === 'UNAUTHENTICATED') headers['www-authenticate'] = 'Bearer';
  if (retryAfterMs !== undefined) headers['retry-after'] = String(Math.ceil(retryAfterMs / 1_000));
  // What went wrong inside is nobody's business outside.
  if (status === undefined) {
    return {
      status: 500,
      headers,
      body: { error: { code: 'INTERNAL', reason: 'INTERNAL', message: 'internal error' } },
    };
  }
  return { status, headers, body: { error: { code, reason, message, metadata } } };
}
