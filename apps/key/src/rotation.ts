import { type keyV1 } from '@latchkey/proto';
import { type KeyRecord } from './key';
import { hashSecret, hintOf } from '@latchkey/facts';

/** What changes in a key that gets another secret: the present one becomes the previous one, whose place is the only one. */
export function rotation(
  { hash }: Pick<KeyRecord, 'hash'>,
  secret: string,
  overlap: keyV1.RotatePersonalTokenRequest['overlap'],
  now: Date,
) {
  const overlapMs = overlap ? Number(overlap.seconds) * 1000 + Math.ceil(overlap.nanos / 1e6) : 0;
  return {
    hash: hashSecret(secret),
    hint: hintOf(secret),
    previousHash: hash,
    // No overlap is no end time, rather than one that has come: a clock that is behind must not let the old secret live on.
    overlapEndTime: overlapMs > 0 ? new Date(now.getTime() + overlapMs) : undefined,
    rotateTime: now,
  };
}
