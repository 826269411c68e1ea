import { identityV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { memberNotFound } from '../errors';
import { removeClosed, withSeatClosed } from '../leaving';
import { isLive } from '../member';

export const removeMember =
  (deps: Deps) =>
  async (request: identityV1.RemoveMemberRequest, ctx: PrincipalContext): Promise<identityV1.RemoveMemberResponse> => {
    const { organizationId, memberId } = request;
    return await withSeatClosed(
      deps,
      request,
      isLive,
      async (seat, overtaken) => {
        // Without a live member too: a repeat gets the first answer from here, and only then is there nothing to
        // remove.
        const { answer } = await deps.mutations.run(ctx, identityV1.RemoveMemberResponse, async (tx) => {
          tx.changed('member', memberId);
          const removed = seat && (await removeClosed(deps, tx, seat));
          if (removed) return tx.audited({ deletionId: removed.deletionId }, removed.change);
          const member = await deps.members.find(organizationId, memberId, tx.session);
          throw member && isLive(member) ? overtaken : memberNotFound(memberId);
        });
        return answer;
      },
      ctx,
    );
  };
