import { identityV1 } from '@latchkey/proto';
import { type CallContext, workspaceNotFound } from '@latchkey/service';
import { type Deps } from './deps';
import { principalNotFound } from './errors';

/** @throws AppError NOT_FOUND (PRINCIPAL_NOT_FOUND) unless it is an active member of the organization at this moment */
export async function assertMemberActive(
  { identity }: Pick<Deps, 'identity'>,
  organizationId: string,
  memberId: string,
  ctx: CallContext,
): Promise<void> {
  const { fact } = await identity.getMemberFact({ memberId }, ctx);
  const active = fact?.memberId === memberId && fact.liveness === identityV1.MemberLiveness.ACTIVE;
  if (!active || fact.organizationId !== organizationId) throw principalNotFound(memberId);
}

/** @throws AppError NOT_FOUND (WORKSPACE_NOT_FOUND) unless it is an active workspace of the organization at this moment */
export async function assertWorkspaceActive(
  { identity }: Pick<Deps, 'identity'>,
  organizationId: string,
  workspaceId: string,
  ctx: CallContext,
): Promise<void> {
  const { fact } = await identity.getWorkspaceFact({ workspaceId }, ctx);
  const active = fact?.workspaceId === workspaceId && fact.active;
  if (!active || fact.organizationId !== organizationId) throw workspaceNotFound(workspaceId);
}
