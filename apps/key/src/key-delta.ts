import { type Delta, type Renew } from '@latchkey/coherence';
import { type KnownKey, type Value } from '@latchkey/facts';
import { type KeyRecord, knownKey, versionOf } from './key';

/** What of a key can change without its being read anew, and without a change of its hashes. */
type Field = 'state' | 'narrowedTo';

/**
 * A change of a live key, as replicas are told of it. Of the changed `fields` alone: what an older version of the software makes
 * need not know of all that a newer one remembers.
 */
export function keyDelta(changed: KeyRecord, fields: readonly Field[]): Delta {
  const known = knownKey(changed);
  // JSON has no undefined: null is a narrowing that was lifted.
  return {
    version: versionOf(changed),
    fields: Object.fromEntries(fields.map((field) => [field, known[field] ?? null])),
  };
}

/** The key after a change of the live key; undefined where it is not one that {@link keyDelta} makes. */
export const renewKey: Renew<Value> = ({ kind, value: before }, fields) => {
  if (kind !== 'key') return undefined;
  const key = before as KnownKey;
  let { state, narrowedTo } = key;
  if (!isLive(state)) return undefined;
  for (const [field, value] of Object.entries(fields)) {
    if (field === 'state' && (isLive(value) || value === 'REVOKED')) state = value;
    else if (field === 'narrowedTo' && typeof value === 'object') narrowedTo = value ?? undefined;
    else return undefined;
  }
  // Built as all others are, so that what reads them most finds one layout.
  if (narrowedTo === key.narrowedTo) return { ...key, state };
  const { narrowedTo: _former, ...others } = key;
  return { ...others, state, ...(narrowedTo && { narrowedTo }) };
};

function isLive(state: unknown): state is 'ACTIVE' | 'DISABLED' {
  return state === 'ACTIVE' || state === 'DISABLED';
}
