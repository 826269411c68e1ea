import { AppError } from '@latchkey/service';
import { type PermissionRecord } from './catalogue';

// The catalogue is listed by number, which is no id: its page tokens are its own.
const TOKEN = /^n(\d{1,5})$/;

/**
 * A page of permissions in the order of their numbers, and the token of the next one.
 * @throws AppError INVALID_ARGUMENT for a token that no page has given out
 */
export function pageOfNumbers(
  permissions: readonly PermissionRecord[],
  size: number,
  token: string,
): { rows: PermissionRecord[]; nextPageToken: string } {
  const after = token === '' ? -1 : Number(TOKEN.exec(Buffer.from(token, 'base64url').toString('latin1'))?.[1] ?? NaN);
  if (Number.isNaN(after) || (token !== '' && encode(after) !== token)) throw malformedToken();
  const rest = permissions.filter(({ number }) => number > after);
  const rows = rest.slice(0, size);
  const last = rows.at(-1);
  return { rows, nextPageToken: rest.length > size && last ? encode(last.number) : '' };
}

function encode(number: number): string {
  return Buffer.from(`n${number}`, 'latin1').toString('base64url');
}

function malformedToken(): AppError {
  const description = 'must be a next_page_token, unchanged';
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_REQUEST',
    message: `page_token ${description}`,
    violations: [{ field: 'page_token', rule: 'page_token', description }],
  });
}
