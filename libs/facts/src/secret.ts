import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What a key is for, as its record names it. */
export type KeyKind = 'PERSONAL' | 'SERVICE';

/** What a presented secret claims to be. Says nothing yet about whether such a key exists. */
export type PresentedKey = { origin: 'NATIVE'; kind: KeyKind } | { origin: 'LEGACY' };

/** Random bytes in a secret: 256 bits, out of reach of guessing, so that a fast hash at rest is enough. */
export const RANDOM_BYTES = 32;

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = BigInt(ALPHABET.length);
/** Base62 digits that hold 256 bits. */
const RANDOM_DIGITS = 43;
/** Base62 digits that hold a CRC32. */
const CHECKSUM_DIGITS = 6;
const HINT_LENGTH = 4;

const TAGS = { PERSONAL: 'pat', SERVICE: 'svc' } as const satisfies Record<KeyKind, string>;

const NATIVE = /^([a-z][a-z0-9]*)_(pat|svc)_[0-9A-Za-z]{49}$/;
// Old keys carry no checksum; only their prefix, printable ASCII and a sane length are known of them.
const LEGACY = /^ls__[\x21-\x7e]{4,196}$/;

/**
 * A new secret, `<brand>_<pat|svc>_<43 base62 of 256 random bits><6 base62 CRC32 of all before>`.
 * @param random 32 random bytes, most significant first
 */
export function newSecret(brand: string, kind: KeyKind, random: Uint8Array): string {
  if (random.length !== RANDOM_BYTES) throw new RangeError(`a secret takes ${RANDOM_BYTES} random bytes`);
  const body = `${brand}_${TAGS[kind]}_${base62(BigInt(`0x${Buffer.from(random).toString('hex')}`), RANDOM_DIGITS)}`;
  return body + checksum(body);
}

/**
 * Tells what a presented string claims to be, by its format and checksum alone, without any look-up; undefined for
 * everything that no key of this brand and no legacy key can look like.
 */
export function parseSecret(brand: string, presented: string): PresentedKey | undefined {
  if (LEGACY.test(presented)) return { origin: 'LEGACY' };
  const [, presentedBrand, tag] = NATIVE.exec(presented) ?? [];
  if (presentedBrand !== brand) return undefined;
  const body = presented.slice(0, -CHECKSUM_DIGITS);
  if (presented.slice(-CHECKSUM_DIGITS) !== checksum(body)) return undefined;
  return { origin: 'NATIVE', kind: tag === TAGS.PERSONAL ? 'PERSONAL' : 'SERVICE' };
}

/** What is stored in place of a secret: SHA-256 over the whole of it, as 64 lower-case hex digits. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

/** The end of a secret, by which its owner tells it from others. From the checksum: 232 of the 256 random bits stay unknown. */
export function hintOf(secret: string): string {
  return secret.slice(-HINT_LENGTH);
}

function checksum(body: string): string {
  return base62(BigInt(crc32(body)), CHECKSUM_DIGITS);
}

function base62(value: bigint, width: number): string {
  let digits = '';
  for (let rest = value; rest > 0n; rest /= BASE) digits = ALPHABET.charAt(Number(rest % BASE)) + digits;
  return digits.padStart(width, '0');
}
