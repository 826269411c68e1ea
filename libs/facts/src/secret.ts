import { hash } from 'node:crypto';

/** What a key is for, as its record names it. */
export type KeyKind = 'PERSONAL' | 'SERVICE';

/** What a presented secret claims to be. Says nothing yet about whether such a key exists. */
export type PresentedKey = { origin: 'NATIVE'; kind: KeyKind } | { origin: 'LEGACY' };

const LEGACY_KEY: PresentedKey = { origin: 'LEGACY' };
const NATIVE_KEYS: Readonly<Record<KeyKind, PresentedKey>> = {
  PERSONAL: { origin: 'NATIVE', kind: 'PERSONAL' },
  SERVICE: { origin: 'NATIVE', kind: 'SERVICE' },
};

/** Random bytes in a secret: 256 bits, out of reach of guessing, so that a fast hash at rest is enough. */
export const RANDOM_BYTES = 32;

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = ALPHABET.length;
/** Base62 digits that hold 256 bits. */
const RANDOM_DIGITS = 43;
/** Base62 digits that hold a CRC32. */
const CHECKSUM_DIGITS = 6;
const HINT_LENGTH = 4;

/** Between brand and digits. */
const MIDDLE = { PERSONAL: '_pat_', SERVICE: '_svc_' } as const satisfies Record<KeyKind, string>;

// Old keys carry no checksum; only their prefix, printable ASCII and a sane length are known of them.
const LEGACY_PREFIX = 'ls__';
const LEGACY = /^ls__[\x21-\x7e]{4,196}$/;

/**
 * A new secret, `<brand>_<pat|svc>_<43 base62 of 256 random bits><6 base62 CRC32 of all before>`.
 * @param random 32 random bytes, most significant first
 */
export function newSecret(brand: string, kind: KeyKind, random: Uint8Array): string {
  if (random.length !== RANDOM_BYTES) throw new RangeError(`a secret takes ${RANDOM_BYTES} random bytes`);
  const body = `${brand}${MIDDLE[kind]}${base62(random)}`;
  return body + checksum(body);
}

/**
 * Tells what a presented string claims to be, by its format and checksum alone, without any look-up; undefined for
 * everything that no key of this brand and no legacy key can look like.
 */
export function parseSecret(brand: string, presented: string): PresentedKey | undefined {
  if (presented.startsWith(LEGACY_PREFIX) && LEGACY.test(presented)) return LEGACY_KEY;
  const tag = brand.length;
  const kind = presented.startsWith(MIDDLE.PERSONAL, tag) ? 'PERSONAL' : 'SERVICE';
  const digits = tag + MIDDLE[kind].length;
  const wellFormed =
    presented.length === digits + RANDOM_DIGITS + CHECKSUM_DIGITS &&
    presented.startsWith(brand) &&
    presented.startsWith(MIDDLE[kind], tag) &&
    isBase62(presented, digits) &&
    endsInChecksum(presented);
  return wellFormed ? NATIVE_KEYS[kind] : undefined;
}

/** What is stored in place of a secret: SHA-256 over the whole of it, as 64 lower-case hex digits. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}

/** The end of a secret, by which its owner tells it from others. From the checksum: 232 of the 256 random bits stay unknown. */
export function hintOf(secret: string): string {
  return secret.slice(-HINT_LENGTH);
}

// The checksum is looked at with every key that is presented: in numbers, and without a string made for it.

const isDigit = new Uint8Array(128);
for (const digit of ALPHABET) isDigit[digit.charCodeAt(0)] = 1;

function isBase62(text: string, from: number): boolean {
  for (let i = from; i < text.length; i++) if (isDigit[text.charCodeAt(i)] !== 1) return false;
  return true;
}

function endsInChecksum(text: string): boolean {
  const start = text.length - CHECKSUM_DIGITS;
  let rest = crc32(text, start);
  for (let i = text.length - 1; i >= start; i--) {
    if (text.charCodeAt(i) !== ALPHABET.charCodeAt(rest % BASE)) return false;
    rest = Math.floor(rest / BASE);
  }
  return true;
}

function checksum(body: string): string {
  let digits = '';
  for (let rest = crc32(body, body.length); digits.length < CHECKSUM_DIGITS; rest = Math.floor(rest / BASE)) {
    digits = ALPHABET.charAt(rest % BASE) + digits;
  }
  return digits;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** CRC32 (ISO-HDLC, as in zip) of the first `length` characters, which are ASCII. */
function crc32(text: string, length: number): number {
  let crc = -1;
  for (let i = 0; i < length; i++) crc = (CRC_TABLE[(crc ^ text.charCodeAt(i)) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function base62(bytes: Uint8Array): string {
  let digits = '';
  const base = BigInt(BASE);
  for (let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`); rest > 0n; rest /= base) {
    digits = ALPHABET.charAt(Number(rest % base)) + digits;
  }
  return digits.padStart(RANDOM_DIGITS, '0');
}
