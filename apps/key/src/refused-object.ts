import { type Change, objectNamed } from '@latchkey/coherence';

const OBJECTS = [
  ['tokenId', 'key'],
  ['keyId', 'key'],
  ['memberId', 'member'],
  ['workspaceId', 'workspace'],
  ['organizationId', 'organization'],
] as const;

/** What a refused change was about. */
export const refusedObject = (request: unknown): Pick<Change, 'organizationId' | 'object'> =>
  objectNamed(request, OBJECTS);
