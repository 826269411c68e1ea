/**
 * The kinds of entities that decisions are made of, each remembered and forgotten by itself. `key`: a token or service key,
 * found by the hashes of its secrets. `member`: found by {@link membershipHash} too. `sunset`: of an organization's legacy
 * keys. `catalogue`: there is one.
 */
export const ENTITY_KINDS = [
  'key',
  'sunset',
  'organization',
  'member',
  'workspace',
  'binding',
  'role',
  'catalogue',
] as const;

export type EntityKind = (typeof ENTITY_KINDS)[number];

/** The id of the one catalogue. */
export const CATALOGUE_ID = 'catalogue';

/** Under which the live membership of a person in an organization is found. */
export function membershipHash(organizationId: string, userId: string): string {
  return `${organizationId}/${userId}`;
}
