import * as grpc from '@grpc/grpc-js';
import { rpc } from '@latchkey/proto';
import { type AppError, type FieldViolation, internal } from './errors';

/** ErrorInfo.domain of every error of this system. */
export const ERROR_DOMAIN = 'latchkey.dev';

const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';
export const DETAILS_KEY = 'grpc-status-details-bin';

// Trailers over 8 KiB are dropped by some clients, at random: 4 KiB of violations are under it as base64, with the rest.
const MAX_VIOLATION_BYTES = 4096;
const MAX_MESSAGE_LENGTH = 512;

/** The wire form: status, ErrorInfo always, BadRequest for malformed fields, RetryInfo for what may be repeated. */
export function toStatus(fault: AppError): grpc.StatusObject {
  // What went wrong inside is nobody's business outside, whoever made the error and however.
  const error = fault.code === 'INTERNAL' ? internal(fault) : fault;
  const code = grpc.status[error.code];
  const message = sendable(error.message);
  const shown = fitting(error.violations ?? []);
  const hidden = (error.violations?.length ?? 0) - shown.length;
  const info = rpc.ErrorInfo.fromPartial({
    reason: error.reason,
    domain: ERROR_DOMAIN,
    metadata: hidden > 0 ? { ...error.metadata, violations_omitted: String(hidden) } : error.metadata,
  });
  const details = [packed('ErrorInfo', rpc.ErrorInfo.encode(info).finish())];
  if (shown.length > 0) {
    const fieldViolations = shown.map(({ field, rule, description }) => ({ field, reason: rule, description }));
    details.push(packed('BadRequest', rpc.BadRequest.encode(rpc.BadRequest.fromPartial({ fieldViolations })).finish()));
  }
  if (error.retryAfterMs !== undefined) {
    const seconds = Math.floor(error.retryAfterMs / 1000);
    const nanos = Math.round((error.retryAfterMs - seconds * 1000) * 1e6);
    const retryDelay = { seconds: BigInt(seconds), nanos };
    details.push(packed('RetryInfo', rpc.RetryInfo.encode({ retryDelay }).finish()));
  }
  const metadata = new grpc.Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(rpc.Status.encode({ code, message, details }).finish()));
  return { code, details: message, metadata };
}

export interface ReceivedDetails {
  readonly info: rpc.ErrorInfo | undefined;
  readonly violations: FieldViolation[] | undefined;
  readonly retryAfterMs: number | undefined;
}

/** The details of a received error, those that are of this system; undefined fields for whatever is not there. */
export function fromStatus(metadata: grpc.Metadata | undefined): ReceivedDetails {
  const received: { -readonly [K in keyof ReceivedDetails]: ReceivedDetails[K] } = {
    info: undefined,
    violations: undefined,
    retryAfterMs: undefined,
  };
  const [bytes] = metadata?.get(DETAILS_KEY) ?? [];
  if (!Buffer.isBuffer(bytes)) return received;
  for (const { typeUrl, value } of rpc.Status.decode(bytes).details) {
    if (typeUrl === `${TYPE_PREFIX}ErrorInfo`) {
      const info = rpc.ErrorInfo.decode(value);
      if (info.domain === ERROR_DOMAIN) received.info = info;
    } else if (typeUrl === `${TYPE_PREFIX}BadRequest`) {
      received.violations = rpc.BadRequest.decode(value).fieldViolations.map(({ field, reason, description }) => ({
        field,
        rule: reason,
        description,
      }));
    } else if (typeUrl === `${TYPE_PREFIX}RetryInfo`) {
      const delay = rpc.RetryInfo.decode(value).retryDelay;
      if (delay) received.retryAfterMs = Number(delay.seconds) * 1000 + delay.nanos / 1e6;
    }
  }
  return received;
}

const packed = (name: string, value: Uint8Array) => ({ typeUrl: TYPE_PREFIX + name, value: Buffer.from(value) });

function fitting(violations: readonly FieldViolation[]): FieldViolation[] {
  let room = MAX_VIOLATION_BYTES;
  return violations.filter((v) => {
    room -= Buffer.byteLength(v.field) + Buffer.byteLength(v.rule) + Buffer.byteLength(v.description) + 8;
    return room >= 0;
  });
}

// grpc-js sends it through encodeURI, which throws on half a surrogate pair and would leave the call without any answer.
function sendable(message: string): string {
  return message.slice(0, MAX_MESSAGE_LENGTH).replace(/[\uD800-\uDFFF]/gu, '\uFFFD');
}
