import { identityV1 } from '@latchkey/proto';
import { type CallContext, isRefusal } from '@latchkey/service';
import { type Deps } from '../deps';
import { lastAdmin, removalOvertaken, userNotFound } from '../errors';
import { closeSeat, intendClosing, type Removal, removeClosed, type SeatClosing, takeBackClosing } from '../leaving';

/** How often it starts over when a membership came into being meanwhile, or a seat was opened again. */
const MAX_ATTEMPTS = 3;

export const deleteUser =
  (deps: Deps) =>
  async ({ userId }: identityV1.DeleteUserRequest, ctx: CallContext): Promise<identityV1.DeleteUserResponse> => {
    for (let attempt = 1; ; attempt++) {
      const seats = await intendClosing(deps, (tx) => deps.members.listLive(userId, tx.session), ctx);
      await closeAll(deps, seats, ctx);

      const overtaken = removalOvertaken();
      try {
        const { answer } = await deps.mutations.run(ctx, identityV1.DeleteUserResponse, async (tx) => {
          for (const { _id } of await deps.members.listEver({ userId }, tx.session)) tx.changed('member', _id);
          if (!(await deps.users.remove(userId, tx.session))) throw userNotFound(userId);
          const removed: Removal[] = [];
          for (const seat of seats) {
            const removal = await removeClosed(deps, tx, seat);
            if (removal) removed.push(removal);
          }
          // One that was opened again, or one that came after the seats were counted.
          if ((await deps.members.listLive(userId, tx.session)).length > 0) throw overtaken;
          return tx.audited(
            { deletionIds: removed.map(({ deletionId }) => deletionId) },
            ...removed.map(({ change }) => change),
            { organizationId: '', object: { kind: 'user', id: userId }, changed: ['email', 'state'] },
          );
        });
        return answer;
      } catch (error) {
        if (error !== overtaken || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  };

/** All seats, or none: the first refusal opens again what was closed before it. */
async function closeAll(deps: Deps, seats: readonly SeatClosing[], ctx: CallContext): Promise<void> {
  for (const [i, seat] of seats.entries()) {
    try {
      await closeSeat(deps, seat, '', ctx);
    } catch (error) {
      // Without a clear answer a repeat may still succeed; if none comes, the relay opens what was closed.
      if (!isRefusal(error)) throw error;
      await takeAllBack(deps, [...seats.slice(0, i), ...seats.slice(i + 1)], ctx);
      throw error.reason === 'LAST_ADMIN' ? lastAdmin(seat.organizationId) : error;
    }
  }
}

async function takeAllBack(deps: Deps, seats: readonly SeatClosing[], ctx: CallContext): Promise<void> {
  try {
    for (const seat of seats) await takeBackClosing(deps, seat, ctx);
  } catch (err) {
    // The intents are still written down, and the refusal is what the caller must hear.
    deps.log.warn({ err }, 'seats are still closed after a refused deletion; the relay will open them');
  }
}
