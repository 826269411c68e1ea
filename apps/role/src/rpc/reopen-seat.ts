import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { reopenSeat as reopened } from '../seats';

export const reopenSeat =
  ({ mutations, seats }: Deps) =>
  async (request: roleV1.ReopenSeatRequest, ctx: CallContext): Promise<roleV1.ReopenSeatResponse> => {
    const { organizationId, memberId } = request;
    const { answer } = await mutations.run(ctx, roleV1.ReopenSeatResponse, async (tx) => {
      const current = await seats.read(organizationId, tx.session);
      const next = reopened(current, memberId);
      if (next === current) return tx.unchanged({});
      await seats.write(next, tx.session);
      // As closeSeat does.
      if (!current.admins.includes(memberId)) return tx.underway({});
      return tx.audited({}, { organizationId, object: { kind: 'binding', id: memberId }, changed: ['seat'] });
    });
    return answer;
  };
