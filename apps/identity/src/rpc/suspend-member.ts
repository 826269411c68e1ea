import { membershipHash } from '@latchkey/coherence';
import { identityV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { memberJoining, memberNotFound } from '../errors';
import { SEAT_CLOSING, withSeatClosed } from '../leaving';
import { isLive, toMember } from '../member';

export const suspendMember =
  (deps: Deps) =>
  async (
    request: identityV1.SuspendMemberRequest,
    ctx: PrincipalContext,
  ): Promise<identityV1.SuspendMemberResponse> => {
    const { organizationId, memberId } = request;
    return await withSeatClosed(
      deps,
      request,
      ({ state }) => state === 'ACTIVE',
      async (seat, overtaken) => {
        const { answer } = await deps.mutations.run(ctx, identityV1.SuspendMemberResponse, async (tx) => {
          tx.changed('member', memberId);
          const suspended = seat && (await deps.members.suspend(seat, tx.session));
          if (suspended) {
            tx.changed('member', memberId, [membershipHash(organizationId, suspended.userId)]);
            // The seat stays closed: there is nothing to take back any more.
            await tx.settle(SEAT_CLOSING, seat.closing);
            return tx.audited(
              { member: toMember(suspended) },
              { organizationId, object: { kind: 'member', id: memberId }, changed: ['state'] },
            );
          }
          const member = await deps.members.find(organizationId, memberId, tx.session);
          if (!member || !isLive(member)) throw memberNotFound(memberId);
          if (member.state === 'JOINING') throw memberJoining(memberId);
          if (member.state === 'ACTIVE') throw overtaken;
          return tx.unchanged({ member: toMember(member) });
        });
        return answer;
      },
      ctx,
    );
  };
