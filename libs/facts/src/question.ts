import { type keyV1 } from '@latchkey/proto';

interface Rule {
  readonly field: string;
  readonly of: (check: keyV1.AuthorizeRequest) => string;
  readonly required: boolean;
  readonly fits: (value: string) => boolean;
  readonly limit: { readonly rule: string; readonly description: string };
}

const KEY_BYTES = 256;
/** Of a permission and of ids, characters. */
const LONGEST_NAME = 64;

/**
 * The rules that the contract gives to AuthorizeRequest, again: a batch must break none of them for its other questions, and an SDK
 * sends none that would.
 */
const RULES: readonly Rule[] = [
  {
    field: 'key',
    of: ({ key }) => key,
    required: true,
    fits: (value) => Buffer.byteLength(value) <= KEY_BYTES,
    limit: { rule: 'string.max_bytes', description: `value length must be at most ${KEY_BYTES} bytes` },
  },
  name('permission', ({ permission }) => permission, { required: true }),
  name('workspace_id', ({ workspaceId }) => workspaceId),
  name('organization_id', ({ organizationId }) => organizationId),
];

function name(field: string, of: Rule['of'], { required = false } = {}): Rule {
  return {
    field,
    of,
    required,
    // As the contract counts: code points, of which a string has at most as many as it has units.
    fits: (value) => value.length <= LONGEST_NAME || [...value].length <= LONGEST_NAME,
    limit: { rule: 'string.max_len', description: `value length must be at most ${LONGEST_NAME} characters` },
  };
}

/** Why this question is malformed; undefined if it is not. Never holds what the question said. */
export function questionError(check: keyV1.AuthorizeRequest): keyV1.CheckError | undefined {
  if (plainlyFits(check)) return undefined;
  const violations = RULES.filter((rule) => breaks(check, rule)).map(({ field, of, limit }) =>
    of(check) === ''
      ? { field, rule: 'string.min_len', description: 'value length must be at least 1 characters' }
      : { field, ...limit },
  );
  if (violations.length === 0) return undefined;
  const fields = violations.map(({ field }) => field).join(', ');
  return { reason: 'INVALID_REQUEST', message: `the question is malformed: ${fields}`, violations };
}

/** In the worst case a character is three bytes. */
const PLAIN_KEY = Math.floor(KEY_BYTES / 3);

/** Whether the question keeps the limits of its message for certain, at a glance. One that does not may keep them all the same. */
function plainlyFits({ key, permission, workspaceId, organizationId }: keyV1.AuthorizeRequest): boolean {
  return (
    key.length > 0 &&
    key.length <= PLAIN_KEY &&
    permission.length > 0 &&
    permission.length <= LONGEST_NAME &&
    workspaceId.length <= LONGEST_NAME &&
    organizationId.length <= LONGEST_NAME
  );
}

function breaks(check: keyV1.AuthorizeRequest, { of, required, fits }: Rule): boolean {
  const value = of(check);
  return value === '' ? required : !fits(value);
}
