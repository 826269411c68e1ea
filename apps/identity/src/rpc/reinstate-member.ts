import { membershipHash } from '@latchkey/coherence';
import { identityV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { memberJoining, memberNotFound } from '../errors';
import { finishReopening, promiseReopening, withSeatClosed } from '../leaving';
import { isLive, toMember } from '../member';

export const reinstateMember =
  (deps: Deps) =>
  async (
    request: identityV1.ReinstateMemberRequest,
    ctx: PrincipalContext,
  ): Promise<identityV1.ReinstateMemberResponse> => {
    const { organizationId, memberId } = request;
    const answer = await withSeatClosed(
      deps,
      request,
      ({ state }) => state === 'SUSPENDED',
      async (seat, overtaken) => {
        const run = await deps.mutations.run(ctx, identityV1.ReinstateMemberResponse, async (tx) => {
          tx.changed('member', memberId);
          const reinstated = seat && (await deps.members.reinstate(seat, tx.session));
          if (reinstated) {
            tx.changed('member', memberId, [membershipHash(organizationId, reinstated.userId)]);
            promiseReopening(deps, tx, seat);
            return tx.audited(
              { member: toMember(reinstated) },
              { organizationId, object: { kind: 'member', id: memberId }, changed: ['state'] },
            );
          }
          const member = await deps.members.find(organizationId, memberId, tx.session);
          if (!member || !isLive(member)) throw memberNotFound(memberId);
          if (member.state === 'JOINING') throw memberJoining(memberId);
          if (member.state === 'SUSPENDED') throw overtaken;
          return tx.unchanged({ member: toMember(member) });
        });
        return run.answer;
      },
      ctx,
    );
    // The seat opens last. A repeat too: the first attempt may have died on the way.
    const member = await deps.members.find(organizationId, memberId);
    if (member) await finishReopening(deps, member, ctx);
    return answer;
  };
