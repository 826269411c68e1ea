import { identityV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { memberNotFound, removalOvertaken } from '../errors';
import { closeSeat, intendClosing, removeClosed } from '../leaving';
import { isLive } from '../member';

/** How often it starts over when the seat was opened again under it. */
const MAX_ATTEMPTS = 3;

export const removeMember =
  (deps: Deps) =>
  async (
    { organizationId, memberId }: identityV1.RemoveMemberRequest,
    ctx: PrincipalContext,
  ): Promise<identityV1.RemoveMemberResponse> => {
    const find = (session?: Parameters<typeof deps.members.find>[2]) =>
      deps.members.find(organizationId, memberId, session);

    for (let attempt = 1; ; attempt++) {
      const [seat] = await intendClosing(
        deps,
        async (tx) => {
          const member = await find(tx.session);
          return member ? [member] : [];
        },
        ctx,
      );
      if (seat) await closeSeat(deps, seat, ctx.principal.principalId, ctx);

      const overtaken = removalOvertaken();
      try {
        // Without a live member too: a repeat gets the first answer from here, and only then is there nothing to
        // remove.
        const { answer } = await deps.mutations.run(ctx, identityV1.RemoveMemberResponse, async (tx) => {
          tx.changed('member', memberId);
          const deletionId = seat && (await removeClosed(deps, tx, seat));
          if (deletionId) return { deletionId };
          const member = await find(tx.session);
          throw member && isLive(member) ? overtaken : memberNotFound(memberId);
        });
        return answer;
      } catch (error) {
        if (error !== overtaken || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  };
