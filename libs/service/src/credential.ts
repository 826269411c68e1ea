import { type Metadata } from '@grpc/grpc-js';
import { AppError } from './errors';
import { type Credential } from './context';

export const ACTOR_KEY = 'latchkey-actor';
export const AUTHORIZATION_KEY = 'authorization';

const BEARER = /^bearer ([\x21-\x7e]+)$/i;
const USER_ID = /^user_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const MAX_KEY_BYTES = 256;

/**
 * The actor that the call's metadata names, undefined when it names none.
 * @throws AppError INVALID_ARGUMENT (TWO_ACTORS), UNAUTHENTICATED (ACTOR_MALFORMED, MALFORMED_KEY)
 */
export function credentialOf(metadata: Metadata): Credential | undefined {
  const authorization = metadata.get(AUTHORIZATION_KEY);
  const asserted = metadata.get(ACTOR_KEY);
  if (authorization.length + asserted.length === 0) return undefined;
  if (authorization.length + asserted.length > 1) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'TWO_ACTORS',
      message: `a call acts for one: send ${AUTHORIZATION_KEY} or ${ACTOR_KEY}, once`,
    });
  }
  return authorization.length > 0 ? bearer(String(authorization[0])) : user(String(asserted[0]));
}

/** The key of an `authorization` header; undefined for none and for what is no bearer's. */
export function bearerOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : BEARER.exec(header)?.[1];
}

function bearer(value: string): Credential {
  const secret = bearerOf(value);
  if (!secret) throw malformed(`${AUTHORIZATION_KEY} must be 'Bearer <key>'`);
  if (secret.length > MAX_KEY_BYTES) {
    throw new AppError({ code: 'UNAUTHENTICATED', reason: 'MALFORMED_KEY', message: 'the key is not accepted' });
  }
  return { kind: 'key', secret };
}

function user(userId: string): Credential {
  if (!USER_ID.test(userId)) throw malformed(`${ACTOR_KEY} must be a user_ id`);
  return { kind: 'user', userId };
}

function malformed(message: string): AppError {
  return new AppError({ code: 'UNAUTHENTICATED', reason: 'ACTOR_MALFORMED', message });
}
