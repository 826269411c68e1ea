const DUPLICATE_KEY = 11_000;

/** Whether a write broke the unique index over this field. Seen by its shape, so that only stores know the driver. */
export function isDuplicate(error: unknown, field: string): boolean {
  if (!(error instanceof Error) || !('code' in error) || error.code !== DUPLICATE_KEY) return false;
  const pattern: unknown = 'keyPattern' in error ? error.keyPattern : undefined;
  if (typeof pattern === 'object' && pattern !== null) return field in pattern;
  // Bulk writes carry the pattern in their text alone.
  return error.message.includes(`${field}_1`) || error.message.includes(`{ ${field}:`);
}
