import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { adminRequired } from '../errors';
import { closeSeat as closed } from '../seats';

export const closeSeat =
  ({ mutations, bindings, seats }: Deps) =>
  async (request: roleV1.CloseSeatRequest, ctx: CallContext): Promise<roleV1.CloseSeatResponse> => {
    const { organizationId, memberId, actingPrincipalId } = request;
    const { answer } = await mutations.run(ctx, roleV1.CloseSeatResponse, async (tx) => {
      const current = await seats.read(organizationId, tx.session);
      const heldSeat = current.admins.includes(memberId);
      if (heldSeat && actingPrincipalId !== '' && actingPrincipalId !== memberId) {
        const acting = await bindings.findLive(organizationId, actingPrincipalId, tx.session);
        if (acting?.organizationRoleId !== BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN) throw adminRequired();
      }
      const next = closed(current, memberId);
      if (next === current) return tx.unchanged({ heldSeat });
      await seats.write(next, tx.session);
      // Of one who holds none it is only noted that none is to be had: it goes with the change that it is closed for.
      if (!heldSeat) return tx.underway({ heldSeat });
      return tx.audited({ heldSeat }, { organizationId, object: { kind: 'binding', id: memberId }, changed: ['seat'] });
    });
    return answer;
  };
