// Which trail a refusal belongs into, and what it was about, read from the request's own fields.

const OBJECTS = [
  ['deletionId', 'deletion'],
  ['memberId', 'member'],
  ['workspaceId', 'workspace'],
  ['userId', 'user'],
  ['organizationId', 'organization'],
] as const;

/** @returns the organization '' for requests about accounts, which belong to none */
export function refusedObject(request: unknown): { organizationId: string; object: { kind: string; id: string } } {
  const organizationId = textOf(request, 'organizationId');
  for (const [field, kind] of OBJECTS) {
    const id = textOf(request, field);
    if (id !== '') return { organizationId, object: { kind, id } };
  }
  return { organizationId, object: { kind: '', id: '' } };
}

function textOf(request: unknown, field: string): string {
  const value: unknown = typeof request === 'object' && request !== null ? Reflect.get(request, field) : undefined;
  return typeof value === 'string' ? value : '';
}
