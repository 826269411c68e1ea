import { identityV1 } from '@latchkey/proto';
import { type CallContext, workspaceNotFound } from '@latchkey/service';
import { type Deps } from './deps';
import { principalNotFound, workspaceNotDeleted } from './errors';

/** A suspended member is one, too: what it is given counts once it is reinstated. */
const ALIVE: ReadonlySet<identityV1.MemberLiveness | undefined> = new Set([
  identityV1.MemberLiveness.ACTIVE,
  identityV1.MemberLiveness.SUSPENDED,
]);

/** @throws AppError NOT_FOUND (PRINCIPAL_NOT_FOUND) unless it is a member of the organization at this moment */
export async function assertMemberAlive(
  { identity }: Pick<Deps, 'identity'>,
  organizationId: string,
  memberId: string,
  ctx: CallContext,
): Promise<void> {
  const { fact } = await identity.getMemberFact({ memberId }, ctx);
  const alive = fact?.memberId === memberId && ALIVE.has(fact.liveness);
  if (!alive || fact.organizationId !== organizationId) throw principalNotFound(memberId);
}

/** @throws AppError NOT_FOUND (WORKSPACE_NOT_FOUND), FAILED_PRECONDITION (WORKSPACE_NOT_DELETED) unless it is a deleted one */
export async function assertWorkspaceDeleted(
  { identity }: Pick<Deps, 'identity'>,
  organizationId: string,
  workspaceId: string,
  ctx: CallContext,
): Promise<void> {
  const { fact } = await identity.getWorkspaceFact({ workspaceId }, ctx);
  if (fact?.workspaceId !== workspaceId || fact.organizationId !== organizationId) throw workspaceNotFound(workspaceId);
  if (fact.active) throw workspaceNotDeleted(workspaceId);
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
