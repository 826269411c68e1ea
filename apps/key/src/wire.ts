import { isAscii } from 'node:buffer';
import { keyV1 } from '@latchkey/proto';
import { type QuickCodec, type QuickCodecs } from '@latchkey/service';

// The messages of Authorize and BatchAuthorize by hand, as clients write them: fields once, in order, ASCII, and short. Anything
// else is left to the generated code and the contract's rules. `wire.test.ts` holds both equal.

export const AUTHORIZE: QuickCodec<keyV1.AuthorizeRequest, keyV1.AuthorizeResponse> = {
  read: (bytes) => (isAscii(bytes) ? readCheck(bytes, 0, bytes.length) : undefined),
  write: (response) => {
    const bytes = Buffer.allocUnsafe(responseLength(response) + ROOM);
    const end = writeResponse(bytes, 0, response);
    return end === UNUSUAL ? undefined : bytes.subarray(0, end);
  },
};

export const BATCH_AUTHORIZE: QuickCodec<keyV1.BatchAuthorizeRequest, keyV1.BatchAuthorizeResponse> = {
  read: (bytes) => {
    const checks: keyV1.AuthorizeRequest[] = [];
    // Of short questions all of it is ASCII, lengths too; otherwise each is looked at by itself.
    const plain = isAscii(bytes);
    for (let at = 0; at < bytes.length;) {
      if (bytes[at++] !== FIELD_1) return undefined;
      let length = bytes[at++] ?? UNUSUAL;
      // Two bytes hold more than any question of this form is long.
      if (length > ONE_BYTE) length = (length & ONE_BYTE) | ((bytes[at++] ?? ONE_BYTE + 1) << 7);
      const end = at + length;
      if (end > bytes.length || checks.length === MOST_CHECKS) return undefined;
      if (!plain && !isAscii(bytes.subarray(at, end))) return undefined;
      const check = readCheck(bytes, at, end);
      if (check === undefined) return undefined;
      checks.push(check);
      at = end;
    }
    return checks.length === 0 ? undefined : { checks };
  },
  write: ({ results }) => {
    const bytes = scratch;
    let at = 0;
    for (const { outcome } of results) {
      if (outcome?.$case !== 'response') return undefined;
      const length = responseLength(outcome.value);
      const around = 1 + lengthOfLength(length) + length;
      if (at + around + HEAD + ROOM > bytes.length) return undefined;
      bytes[at++] = FIELD_1;
      at = putLength(bytes, at, around);
      bytes[at++] = FIELD_1;
      at = writeResponse(bytes, putLength(bytes, at, length), outcome.value);
      if (at === UNUSUAL) return undefined;
    }
    return Buffer.from(bytes.subarray(0, at));
  },
};

const FIELD_1 = 0x0a;
const FIELD_2 = 0x12;
const FIELD_3 = 0x1a;
const FIELD_4 = 0x22;
const ALLOWED = 0x08;
const REASON = 0x10;
const NARROWED = 0x28;
/** The most that one byte of a length says. */
const ONE_BYTE = 0x7f;
const UNUSUAL = -1;
const MOST_CHECKS = 100;
/** As the contract has it; in ASCII a character is a byte. */
const LONGEST_NAME = 64;
/** Two flags, and five texts of up to 127 characters with their tags and lengths. */
const LONGEST_RESPONSE = 8 + 5 * 129;
/** Left at the end, so that no text with a character of several bytes is cut to as many bytes as it has characters. */
const ROOM = 4;
/** Tag and length of an answer within its result, and of that within the batch. */
const HEAD = 6;
/** For a batch of the longest answers; a writer is done with it in the same turn. */
const scratch = Buffer.allocUnsafe(MOST_CHECKS * (LONGEST_RESPONSE + HEAD) + ROOM);

export const AUTHORIZATION_CODECS: QuickCodecs<keyV1.AuthorizationServiceService> = {
  authorize: AUTHORIZE,
  batchAuthorize: BATCH_AUTHORIZE,
};

/** A question that breaks no rule of its fields. All of it is ASCII: so is every tag and length that is read here. */
function readCheck(bytes: Buffer, from: number, to: number): keyV1.AuthorizeRequest | undefined {
  let at = from;
  const text = (tag: number): string => {
    if (at >= to || bytes[at] !== tag) return '';
    const start = at + 2;
    at = start + (bytes[at + 1] ?? ONE_BYTE);
    return at > to ? '' : bytes.toString('latin1', start, at);
  };
  const key = text(FIELD_1);
  const permission = text(FIELD_2);
  const workspaceId = text(FIELD_3);
  const organizationId = text(FIELD_4);
  const fits =
    at === to &&
    key !== '' &&
    permission !== '' &&
    permission.length <= LONGEST_NAME &&
    workspaceId.length <= LONGEST_NAME &&
    organizationId.length <= LONGEST_NAME;
  return fits ? { key, permission, workspaceId, organizationId } : undefined;
}

// Lengths come before what they are of, so they are added up first: in characters, which are bytes or else unusual.

function responseLength({ allowed, decisionId, principal }: keyV1.AuthorizeResponse): number {
  const length = (allowed ? 2 : 0) + 2 + textLength(decisionId);
  if (principal === undefined) return length;
  const body = principalLength(principal);
  return length + 1 + lengthOfLength(body) + body;
}

function principalLength(principal: keyV1.Principal): number {
  const { organizationId, principalId, userId, keyId, narrowed } = principal;
  const ids = textLength(organizationId) + textLength(principalId) + textLength(userId) + textLength(keyId);
  return ids + (narrowed ? 2 : 0);
}

const textLength = ({ length }: string): number => (length === 0 ? 0 : length + 2);
const lengthOfLength = (length: number): number => (length > ONE_BYTE ? 2 : 1);

/** Where it ends, or {@link UNUSUAL}. */
function writeResponse(bytes: Buffer, from: number, response: keyV1.AuthorizeResponse): number {
  const { allowed, reason, decisionId, principal, legacy } = response;
  const code = keyV1.decisionReasonToNumber(reason);
  if (legacy !== undefined || code <= 0) return UNUSUAL;
  let at = from;
  if (allowed) {
    bytes[at++] = ALLOWED;
    bytes[at++] = 1;
  }
  bytes[at++] = REASON;
  bytes[at++] = code;
  at = putText(bytes, at, FIELD_3, decisionId);
  if (principal === undefined || at === UNUSUAL) return at;
  bytes[at++] = FIELD_4;
  return putPrincipal(bytes, putLength(bytes, at, principalLength(principal)), principal);
}

function putPrincipal(bytes: Buffer, from: number, principal: keyV1.Principal): number {
  let at = putText(bytes, from, FIELD_1, principal.organizationId);
  at = putText(bytes, at, FIELD_2, principal.principalId);
  at = putText(bytes, at, FIELD_3, principal.userId);
  at = putText(bytes, at, FIELD_4, principal.keyId);
  if (at === UNUSUAL || !principal.narrowed) return at;
  bytes[at++] = NARROWED;
  bytes[at++] = 1;
  return at;
}

/** One that takes more bytes than it has characters is unusual, and so is what the encoder puts in place of half a character. */
function putText(bytes: Buffer, from: number, tag: number, text: string): number {
  const { length } = text;
  if (length === 0 || from === UNUSUAL) return from;
  if (length > ONE_BYTE) return UNUSUAL;
  bytes[from] = tag;
  bytes[from + 1] = length;
  const start = from + 2;
  return bytes.write(text, start) === length ? start + length : UNUSUAL;
}

/** Up to 16,383; where it ends. */
function putLength(bytes: Buffer, at: number, length: number): number {
  if (length <= ONE_BYTE) {
    bytes[at] = length;
    return at + 1;
  }
  bytes[at] = (length & ONE_BYTE) | (ONE_BYTE + 1);
  bytes[at + 1] = length >>> 7;
  return at + 2;
}
