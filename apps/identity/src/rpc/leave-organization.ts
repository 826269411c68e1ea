import { type identityV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { removeMember } from './remove-member';

/** A removal like any other, but that the member asks for its own. */
export const leaveOrganization =
  (deps: Deps) =>
  async (
    { organizationId, requestId }: identityV1.LeaveOrganizationRequest,
    ctx: PrincipalContext,
  ): Promise<identityV1.LeaveOrganizationResponse> =>
    await removeMember(deps)({ organizationId, memberId: ctx.principal.principalId, requestId }, ctx);
