import { type Change, objectNamed } from '@latchkey/coherence';

const OBJECTS = [
  ['deletionId', 'deletion'],
  ['memberId', 'member'],
  ['workspaceId', 'workspace'],
  ['userId', 'user'],
  ['organizationId', 'organization'],
] as const;

/** What a refused change was about. Requests about accounts belong to no organization. */
export const refusedObject = (request: unknown): Pick<Change, 'organizationId' | 'object'> =>
  objectNamed(request, OBJECTS);
