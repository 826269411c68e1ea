import { type Change, objectNamed } from '@latchkey/coherence';

// A change of a binding names a role too, the one that it would have given.
const OBJECTS = [
  ['memberId', 'binding'],
  ['principalId', 'binding'],
  ['roleId', 'role'],
  ['workspaceId', 'workspace'],
  ['organizationId', 'organization'],
] as const;

/** What a refused change was about. One that names nothing was about the catalogue, which belongs to no organization. */
export function refusedObject(request: unknown): Pick<Change, 'organizationId' | 'object'> {
  const named = objectNamed(request, OBJECTS);
  return named.object.id ? named : { ...named, object: { kind: 'catalogue', id: 'catalogue' } };
}
