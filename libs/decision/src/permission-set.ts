const BYTE = /* bits per byte */ 8;

/** Numbers are handed out one by one by the catalogue; a number beyond this one is a fault, not a permission. */
export const MAX_PERMISSION_NUMBER = 65_535;

/**
 * An immutable set of permission numbers. Numbers are append-only (a retired permission keeps its own), so a set that
 * was made under an older catalogue still means the same permissions.
 */
export class PermissionSet {
  static readonly EMPTY = new PermissionSet(new Uint8Array(0));

  /** Bit n (byte n/8, bit n%8, lowest first) says whether n is in the set; never ends in a zero byte. */
  readonly #bits: Uint8Array;

  private constructor(bits: Uint8Array) {
    let length = bits.length;
    while (length > 0 && bits[length - 1] === 0) length -= 1;
    this.#bits = bits.subarray(0, length);
  }

  /** @throws RangeError for what is no permission number: an integer from 0 to {@link MAX_PERMISSION_NUMBER}. */
  static of(numbers: Iterable<number>): PermissionSet {
    const all = [...numbers];
    for (const number of all) {
      if (!Number.isInteger(number) || number < 0 || number > MAX_PERMISSION_NUMBER) {
        throw new RangeError(`not a permission number: ${number}`);
      }
    }
    // Not Math.max(...all): an argument list is bounded by the stack.
    const bits = new Uint8Array(all.length === 0 ? 0 : Math.floor(all.reduce((a, b) => Math.max(a, b), 0) / BYTE) + 1);
    for (const number of all) bits[Math.floor(number / BYTE)]! |= 1 << (number % BYTE);
    return new PermissionSet(bits);
  }

  /** @throws RangeError when there are more bytes than {@link MAX_PERMISSION_NUMBER} needs. */
  static fromBytes(bytes: Uint8Array): PermissionSet {
    if (bytes.length > (MAX_PERMISSION_NUMBER + 1) / BYTE) throw new RangeError('too many bytes for a permission set');
    return new PermissionSet(Uint8Array.from(bytes));
  }

  /** A copy in the form that `fromBytes` reads; equal sets have equal bytes. */
  toBytes(): Uint8Array {
    return Uint8Array.from(this.#bits);
  }

  has(number: number): boolean {
    return ((this.#bits[number >>> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }

  union(other: PermissionSet): PermissionSet {
    return this.#combine(other, (a, b) => a | b);
  }

  intersection(other: PermissionSet): PermissionSet {
    return this.#combine(other, (a, b) => a & b);
  }

  /** What is in this set and not in the other one. */
  difference(other: PermissionSet): PermissionSet {
    return this.#combine(other, (a, b) => a & ~b);
  }

  isSubsetOf(other: PermissionSet): boolean {
    return this.#bits.every((byte, i) => (byte & ~(other.#bits[i] ?? 0)) === 0);
  }

  equals(other: PermissionSet): boolean {
    return this.isSubsetOf(other) && other.isSubsetOf(this);
  }

  get isEmpty(): boolean {
    return this.#bits.length === 0;
  }

  /** The numbers in the set, ascending. */
  numbers(): number[] {
    const numbers: number[] = [];
    this.#bits.forEach((byte, i) => {
      for (let bit = 0; bit < BYTE; bit += 1) if (byte & (1 << bit)) numbers.push(i * BYTE + bit);
    });
    return numbers;
  }

  #combine(other: PermissionSet, operation: (a: number, b: number) => number): PermissionSet {
    const length = Math.max(this.#bits.length, other.#bits.length);
    return new PermissionSet(Uint8Array.from({ length }, (_, i) => operation(this.#bits[i] ?? 0, other.#bits[i] ?? 0)));
  }
}
