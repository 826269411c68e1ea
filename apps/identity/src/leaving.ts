import { randomUUID } from 'node:crypto';
import { membershipHash, type Transaction } from '@latchkey/coherence';
import { type CallContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from './deps';
import { seatBusy } from './errors';
import { isRefusal } from './joining';
import { isLive, type MemberRow } from './member';
import { step } from './step';

// A member leaves in three steps: the intent is written down, role closes the seat, a transaction leaves the tombstone.
// If the call dies in between, the relay finds the intent and opens the seat again. Both may believe that it is their
// turn, so the last step commits only if no reopening has begun since the first (`seatEpoch`), and a reopening begins
// with a write to the member that the last step writes too.

/** The intent to remove a member: its seat is closed, or about to be. */
export interface SeatClosing {
  readonly organizationId: string;
  readonly memberId: string;
  /** Names this very intent. Each has its own outbox entry, so that none can settle another's. */
  readonly closing: string;
  readonly seatEpoch: number;
}

export const SEAT_CLOSING = 'seat-closing';
export const USER_DELETION = 'user-deletion';

/** Writes the intents down, one for each of the members that `find` answers; the live ones come back. */
export async function intendClosing(
  deps: Deps,
  find: (tx: Transaction) => Promise<readonly MemberRow[]>,
  ctx: CallContext,
): Promise<SeatClosing[]> {
  return await step(deps, ctx, async (tx) => {
    const live = (await find(tx)).filter(isLive);
    return live.map((member) => {
      if (member.reopening.length > 0) throw seatBusy(member._id);
      const { organizationId, _id: memberId, seatEpoch } = member;
      const closing = randomUUID();
      tx.enqueue({
        kind: SEAT_CLOSING,
        key: closing,
        payload: { organizationId, memberId, closing, seatEpoch },
        delayMs: deps.config.seatClosingMs,
      });
      return { organizationId, memberId, closing, seatEpoch };
    });
  });
}

/**
 * @throws AppError FAILED_PRECONDITION (LAST_ADMIN), PERMISSION_DENIED (ADMIN_REQUIRED): then the seat is as it was,
 * and the intent is gone
 */
export async function closeSeat(
  deps: Deps,
  { organizationId, memberId, closing }: SeatClosing,
  actingPrincipalId: string,
  ctx: CallContext,
): Promise<void> {
  try {
    await deps.bindings.closeSeat({ organizationId, memberId, actingPrincipalId }, ctx);
  } catch (error) {
    // Anything but a clear no leaves it open whether the seat is closed, so the intent stays.
    if (isRefusal(error)) await step(deps, ctx, (tx) => tx.settle(SEAT_CLOSING, closing));
    throw error;
  }
}

/** Opens the seat of a member that is still there, whatever becomes of it, and ends the intent. */
export async function takeBackClosing(
  deps: Deps,
  { organizationId, memberId, closing }: Omit<SeatClosing, 'seatEpoch'>,
  ctx: CallContext,
): Promise<void> {
  const live = await step(deps, ctx, (tx) => deps.members.beginReopening(memberId, closing, tx.session));
  if (live) await deps.bindings.reopenSeat({ organizationId, memberId }, ctx);
  await step(deps, ctx, async (tx) => {
    await deps.members.endReopening(memberId, closing, tx.session);
    await tx.settle(SEAT_CLOSING, closing);
  });
}

/**
 * Leaves the tombstone, and with it the deletion and the promise to carry it out. From the commit on, every decision
 * refuses the member.
 * @returns the deletion's id, undefined when the member has gone or its seat was opened again
 */
export async function removeClosed(deps: Deps, tx: Transaction, seat: SeatClosing): Promise<string | undefined> {
  const { organizationId, memberId, closing } = seat;
  const member = await deps.members.remove(seat, tx.session);
  if (!member) return undefined;
  tx.changed('member', memberId, [membershipHash(organizationId, member.userId)]);
  const deletionId = typeid('del').toString();
  await deps.deletions.insert(
    {
      _id: deletionId,
      organizationId,
      memberId,
      userId: member.userId,
      state: 'PENDING',
      attempts: 0,
      createTime: tx.now,
      tokensDeleted: 0,
      rolesRemoved: 0,
    },
    tx.session,
  );
  tx.audit({ organizationId, object: { kind: 'member', id: memberId }, changed: ['state'] });
  tx.enqueue({ kind: USER_DELETION, key: deletionId, payload: { deletionId, organizationId, memberId } });
  await tx.settle(SEAT_CLOSING, closing);
  return deletionId;
}
