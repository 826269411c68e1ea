import fc from 'fast-check';
import { MAX_PERMISSION_NUMBER, PermissionSet } from '../src';

const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { maxLength: 60 });
const sorted = (all: Iterable<number>): number[] => [...new Set(all)].sort((a, b) => a - b);

describe('PermissionSet', () => {
  it('is-a-set: agrees with a Set of numbers in every operation', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const [setA, setB] = [PermissionSet.of(a), PermissionSet.of(b)];
        const inB = new Set(b);
        expect(setA.numbers()).toEqual(sorted(a));
        for (let n = 0; n <= 401; n += 1) expect(setB.has(n)).toBe(inB.has(n));
        expect(setA.union(setB).numbers()).toEqual(sorted([...a, ...b]));
        expect(setA.intersection(setB).numbers()).toEqual(sorted(a.filter((n) => inB.has(n))));
        expect(setA.difference(setB).numbers()).toEqual(sorted(a.filter((n) => !inB.has(n))));
        expect(setA.isSubsetOf(setB)).toBe(a.every((n) => inB.has(n)));
        expect(setA.equals(setB)).toBe(setA.isSubsetOf(setB) && setB.isSubsetOf(setA));
        expect(setA.isEmpty).toBe(a.length === 0);
      }),
    );
  });

  it('bytes-round-trip: equal sets have equal bytes, however they were made', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const set = PermissionSet.of(a);
        expect(PermissionSet.fromBytes(set.toBytes()).equals(set)).toBe(true);
        const padded = new Uint8Array(60);
        padded.set(set.toBytes());
        expect(PermissionSet.fromBytes(padded).toBytes()).toEqual(set.toBytes());
        expect(
          set
            .union(PermissionSet.of(b))
            .difference(PermissionSet.of(b.filter((n) => !a.includes(n))))
            .toBytes(),
        ).toEqual(set.toBytes());
      }),
    );
  });

  it('fixed-bit-order: bit n is bit n%8 of byte n/8, as the contract says', () => {
    expect([...PermissionSet.of([0, 9, 17]).toBytes()]).toEqual([0b1, 0b10, 0b10]);
  });

  it('immutable: neither the bytes that it was made of nor those that it gave away change it', () => {
    const bytes = Uint8Array.of(1);
    const set = PermissionSet.fromBytes(bytes);
    bytes[0] = 255;
    set.toBytes()[0] = 255;
    expect(set.numbers()).toEqual([0]);
  });

  it('refuses what is no permission number', () => {
    for (const bad of [-1, 1.5, Number.NaN, MAX_PERMISSION_NUMBER + 1]) {
      expect(() => PermissionSet.of([bad])).toThrow(RangeError);
    }
    expect(() => PermissionSet.fromBytes(new Uint8Array(8_193))).toThrow(RangeError);
    expect(PermissionSet.of([MAX_PERMISSION_NUMBER]).has(MAX_PERMISSION_NUMBER)).toBe(true);
  });
});
