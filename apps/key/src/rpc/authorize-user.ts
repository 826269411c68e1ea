import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { answered, principal } from '../answers';

export const authorizeUser =
  ({ judge }: Pick<Deps, 'judge'>) =>
  (
    { userId, permission, workspaceId, organizationId }: keyV1.AuthorizeUserRequest,
    ctx: CallContext,
  ): keyV1.AuthorizeUserResponse | Promise<keyV1.AuthorizeUserResponse> =>
    answered(judge.judgeUser(userId, { permission, workspaceId, organizationId }, ctx.caller), ctx, (verdict) => ({
      allowed: verdict.allowed,
      reason: keyV1.DecisionReason[verdict.reason],
      decisionId: verdict.decisionId,
      principal: principal(verdict),
    }));
