/** As TypeIDs look; the last ten characters are a number, so that a fact source finds its fact without a table. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const BEFORE = '01k0000000000000';
const DIGITS = 10;

export function idOf(prefix: string, index: number): string {
  let digits = '';
  for (let rest = index, i = 0; i < DIGITS; i++, rest = Math.floor(rest / 32))
    digits = ALPHABET.charAt(rest % 32) + digits;
  return fresh(`${prefix}_${BEFORE}${digits}`);
}

/** The index that `id` was made from; NaN for one that was not made here. */
export function indexOf(id: string): number {
  let index = 0;
  for (const digit of id.slice(-DIGITS)) index = index * 32 + ALPHABET.indexOf(digit);
  return id.includes(BEFORE) ? index : NaN;
}

/** A string of its own, as every one that comes off the wire is: what is measured shares no memory with the bench's tables. */
export function fresh(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
