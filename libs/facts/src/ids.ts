const IDS = { org: idPattern('org'), ws: idPattern('ws') };

/** Whether `value` looks like an id of this kind. What cannot be an id is the id of nothing, and nothing is read for it. */
export function isId(prefix: keyof typeof IDS, value: string): boolean {
  return IDS[prefix].test(value);
}

function idPattern(prefix: string): RegExp {
  return new RegExp(`^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`);
}
