import fc from 'fast-check';
import { hashSecret, hintOf, newSecret, parseSecret, RANDOM_BYTES } from '../src';

const random = fc.uint8Array({ minLength: RANDOM_BYTES, maxLength: RANDOM_BYTES });
const kind = fc.constantFrom('PERSONAL' as const, 'SERVICE' as const);
const brand = fc.constantFrom('lk', 'acme1', 'ls');
const base62 = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');

describe('what is created is recognized, and nothing else', () => {
  it('recognizes every secret of its own brand, with its kind', () => {
    fc.assert(
      fc.property(brand, kind, random, (brand, kind, bytes) => {
        const secret = newSecret(brand, kind, bytes);
        expect(secret).toMatch(/^[a-z][a-z0-9]*_(pat|svc)_[0-9A-Za-z]{49}$/);
        expect(parseSecret(brand, secret)).toEqual({ origin: 'NATIVE', kind });
        expect(parseSecret('other', secret)).toBeUndefined();
      }),
    );
  });

  it('dies on the checksum when any one character is another', () => {
    fc.assert(
      fc.property(kind, random, fc.nat(48), base62, (kind, bytes, place, other) => {
        const secret = newSecret('lk', kind, bytes);
        const at = 'lk_pat_'.length + place;
        fc.pre(secret[at] !== other);
        expect(parseSecret('lk', secret.slice(0, at) + other + secret.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  it('dies on the checksum when two neighbours change places', () => {
    fc.assert(
      fc.property(random, fc.nat(47), (bytes, place) => {
        const secret = newSecret('lk', 'PERSONAL', bytes);
        const at = 'lk_pat_'.length + place;
        fc.pre(secret[at] !== secret[at + 1]);
        const swapped = secret.slice(0, at) + secret[at + 1] + secret[at] + secret.slice(at + 2);
        expect(parseSecret('lk', swapped)).toBeUndefined();
      }),
    );
  });

  it('does not take one kind for the other', () => {
    fc.assert(
      fc.property(random, (bytes) => {
        const secret = newSecret('lk', 'PERSONAL', bytes);
        expect(parseSecret('lk', secret.replace('_pat_', '_svc_'))).toBeUndefined();
      }),
    );
  });

  it('never throws, and refuses what is no key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        fc.pre(!text.startsWith('ls__'));
        expect(parseSecret('lk', text)).toBeUndefined();
      }),
    );
    for (const text of ['', 'lk', 'lk_pat_', 'ls__', ` ${newSecret('lk', 'PERSONAL', new Uint8Array(32))}`]) {
      expect(parseSecret('lk', text)).toBeUndefined();
    }
    expect(parseSecret('lk', `${newSecret('lk', 'PERSONAL', new Uint8Array(32))}\n`)).toBeUndefined();
  });

  it('has the layout of the contract: 43 digits of the random bits, most significant first, then the checksum', () => {
    expect(newSecret('lk', 'PERSONAL', new Uint8Array(32))).toMatch(/^lk_pat_0{43}[0-9A-Za-z]{6}$/);
    const one = new Uint8Array(32);
    one[31] = 1;
    expect(newSecret('lk', 'SERVICE', one)).toMatch(/^lk_svc_0{42}1[0-9A-Za-z]{6}$/);
  });

  it('keeps all 256 bits: two different random values never give one secret', () => {
    fc.assert(
      fc.property(random, random, (a, b) => {
        fc.pre(!Buffer.from(a).equals(Buffer.from(b)));
        expect(newSecret('lk', 'PERSONAL', a)).not.toBe(newSecret('lk', 'PERSONAL', b));
      }),
    );
    expect(() => newSecret('lk', 'PERSONAL', new Uint8Array(31))).toThrow(RangeError);
  });
});

describe('legacy keys', () => {
  it('are recognized by prefix, alphabet and length alone', () => {
    expect(parseSecret('lk', `ls__${'a'.repeat(4)}`)).toEqual({ origin: 'LEGACY' });
    expect(parseSecret('lk', `ls__${'~'.repeat(196)}`)).toEqual({ origin: 'LEGACY' });
    for (const text of [
      'ls__abc',
      `ls__${'a'.repeat(197)}`,
      'ls__with space',
      'ls__ümlaut',
      'ls_abcdefgh',
      'xls__abcdefgh',
    ]) {
      expect(parseSecret('lk', text)).toBeUndefined();
    }
  });
});

describe('at rest', () => {
  it('stores a SHA-256 and the last four characters', () => {
    expect(hashSecret('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    const secret = newSecret('lk', 'PERSONAL', new Uint8Array(32).fill(7));
    expect(secret.endsWith(hintOf(secret))).toBe(true);
    expect(hintOf(secret)).toHaveLength(4);
  });
});
