/** What a refused change was about, for the audit trail: the object that the request names, in the organization it names. */
export function refusedObject(request: unknown): { organizationId: string; object: { kind: string; id: string } } {
  const field = (name: string): string => {
    const value: unknown = typeof request === 'object' && request !== null ? Reflect.get(request, name) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const principal = field('memberId') || field('principalId');
  const organizationId = field('organizationId');
  // A binding change names a role too, the one that it would have given.
  if (principal) return { organizationId, object: { kind: 'binding', id: principal } };
  if (organizationId) return { organizationId, object: { kind: 'role', id: field('roleId') } };
  return { organizationId, object: { kind: 'catalogue', id: 'catalogue' } };
}
