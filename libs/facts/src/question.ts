import { type keyV1 } from '@latchkey/proto';

/** In the worst case a character is three of the 256 bytes that a key may have. */
const PLAIN_KEY = 85;
const LONGEST_NAME = 64;

/** Whether the question keeps the limits of its message for certain, at a glance. One that does not may keep them all the same. */
export function plainlyFits({ key, permission, workspaceId, organizationId }: keyV1.AuthorizeRequest): boolean {
  return (
    key.length > 0 &&
    key.length <= PLAIN_KEY &&
    permission.length > 0 &&
    permission.length <= LONGEST_NAME &&
    workspaceId.length <= LONGEST_NAME &&
    organizationId.length <= LONGEST_NAME
  );
}
