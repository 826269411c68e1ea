import { randomUUID } from 'node:crypto';
import { type Change, membershipHash, type Transaction } from '@latchkey/coherence';
import { type AppError, type CallContext, isRefusal, type PrincipalContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from './deps';
import { memberOvertaken, seatBusy } from './errors';
import { isLive, type MemberRow } from './member';
import { step } from './step';

// A member leaves in three steps: the intent is written down, role closes the seat, a transaction leaves the tombstone.
// If the call dies in between, the relay finds the intent and opens the seat again. Both may believe that it is their
// turn, so the last step commits only if no reopening has begun since the first (`seatEpoch`), and a reopening begins
// with a write to the member that the last step writes too. A suspension goes the same way, and so does its end, whose
// closing of a closed seat asks role whether the actor may, and whose intent is what the seat is opened by.

/** The intent to remove, suspend or reinstate a member: its seat is closed, or about to be. */
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
    const seats = live.map((member) => {
      if (member.reopening.length > 0) throw seatBusy(member._id);
      const { organizationId, _id: memberId, seatEpoch } = member;
      const seat = { organizationId, memberId, closing: randomUUID(), seatEpoch };
      promiseReopening(deps, tx, seat);
      return seat;
    });
    return tx.underway(seats);
  });
}

/** Should the call die, the relay opens the seat, unless its owner is gone or suspended by then. */
export function promiseReopening(
  deps: Pick<Deps, 'config'>,
  tx: Pick<Transaction, 'enqueue'>,
  { organizationId, memberId, closing, seatEpoch }: SeatClosing,
): void {
  tx.enqueue({
    kind: SEAT_CLOSING,
    key: closing,
    payload: { organizationId, memberId, closing, seatEpoch },
    delayMs: deps.config.seatClosingMs,
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
    if (isRefusal(error)) await step(deps, ctx, async (tx) => tx.underway(await tx.settle(SEAT_CLOSING, closing)));
    throw error;
  }
}

/**
 * Opens the seat of a member that is still there and not suspended, whatever becomes of it, and ends the intent.
 * @returns false when another reopening began meanwhile: the seat is open, but the intent must stay until none can open
 * it any more
 */
export async function takeBackClosing(
  deps: Deps,
  { organizationId, memberId, closing }: Omit<SeatClosing, 'seatEpoch'>,
  ctx: CallContext,
): Promise<boolean> {
  const seatEpoch = await step(deps, ctx, async (tx) =>
    tx.underway(await deps.members.beginReopening(memberId, closing, tx.session)),
  );
  if (seatEpoch !== undefined) await deps.bindings.reopenSeat({ organizationId, memberId }, ctx);
  return await step(deps, ctx, async (tx) => {
    if (seatEpoch !== undefined && !(await deps.members.endReopening(memberId, closing, seatEpoch, tx.session))) {
      return tx.underway(false);
    }
    await tx.settle(SEAT_CLOSING, closing);
    return tx.underway(true);
  });
}

/** Brings the reopenings that are under way to their end, be it for a call that died. */
export async function finishReopening(
  deps: Deps,
  member: Pick<MemberRow, '_id' | 'organizationId' | 'reopening'>,
  ctx: CallContext,
): Promise<void> {
  const { _id: memberId, organizationId } = member;
  for (const closing of member.reopening) await takeBackClosing(deps, { organizationId, memberId, closing }, ctx);
}

/** How often a change starts over when the seat was opened again under it. */
const MAX_ATTEMPTS = 3;

/**
 * Makes a change for which the member's seat is closed first.
 * @param wants whether a member in this state is to be changed; of others no seat is touched
 * @param commit makes the change with a closed seat, or answers without one; throws `overtaken` to have it start over
 */
export async function withSeatClosed<A>(
  deps: Deps,
  { organizationId, memberId }: { readonly organizationId: string; readonly memberId: string },
  wants: (member: MemberRow) => boolean,
  commit: (seat: SeatClosing | undefined, overtaken: AppError) => Promise<A>,
  ctx: PrincipalContext,
): Promise<A> {
  for (let attempt = 1; ; attempt++) {
    const [seat] = await intendClosing(
      deps,
      async (tx) => {
        const member = await deps.members.find(organizationId, memberId, tx.session);
        return member && wants(member) ? [member] : [];
      },
      ctx,
    );
    if (seat) await closeSeat(deps, seat, ctx.principal.principalId, ctx);
    const overtaken = memberOvertaken();
    try {
      return await commit(seat, overtaken);
    } catch (error) {
      if (error !== overtaken || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

export interface Removal {
  readonly deletionId: string;
  /** For the trail. */
  readonly change: Change;
}

/**
 * Leaves the tombstone, and with it the deletion and the promise to carry it out. From the commit on, every decision
 * refuses the member.
 * @returns undefined when the member has gone or its seat was opened again
 */
export async function removeClosed(deps: Deps, tx: Transaction, seat: SeatClosing): Promise<Removal | undefined> {
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
  tx.enqueue({ kind: USER_DELETION, key: deletionId, payload: { deletionId, organizationId, memberId } });
  await tx.settle(SEAT_CLOSING, closing);
  return { deletionId, change: { organizationId, object: { kind: 'member', id: memberId }, changed: ['state'] } };
}
