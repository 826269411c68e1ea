import { invalid } from './errors';

/** What `page_size` 0 means, in every list. */
const DEFAULT_PAGE_SIZE = 50;

const ID = /^[a-z]+_[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/**
 * The id after which a page begins; undefined for the first page.
 * @throws AppError INVALID_ARGUMENT for what no list has given out
 */
export function decodePageToken(token: string): string | undefined {
  if (token === '') return undefined;
  const id = Buffer.from(token, 'base64url').toString('latin1');
  if (!ID.test(id) || encode(id) !== token) {
    throw invalid([{ field: 'page_token', rule: 'page_token', description: 'must be a next_page_token, unchanged' }]);
  }
  return id;
}

/** How many entries a page has. Ask the store for one more: it tells whether there is a next page. */
export function pageSizeOf(pageSize: number): number {
  return pageSize === 0 ? DEFAULT_PAGE_SIZE : pageSize;
}

/** The page of `size` out of up to `size + 1` rows in the order of the list, and the token of the one after it. */
export function nextPage<Row extends { readonly _id: string }>(
  rows: readonly Row[],
  size: number,
): { rows: Row[]; nextPageToken: string } {
  const page = rows.slice(0, size);
  const last = page.at(-1);
  return { rows: page, nextPageToken: rows.length > size && last ? encode(last._id) : '' };
}

function encode(id: string): string {
  return Buffer.from(id, 'latin1').toString('base64url');
}
