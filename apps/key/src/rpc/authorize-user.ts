import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { decided, principal } from '../answers';

export const authorizeUser =
  ({ judge }: Pick<Deps, 'judge'>) =>
  async (request: keyV1.AuthorizeUserRequest, ctx: CallContext): Promise<keyV1.AuthorizeUserResponse> => {
    const { userId, permission, workspaceId, organizationId } = request;
    const verdict = await decided(
      judge.judgeUser(userId, { permission, workspaceId, organizationId }, ctx.caller),
      ctx,
    );
    return {
      allowed: verdict.allowed,
      reason: keyV1.DecisionReason[verdict.reason],
      decisionId: verdict.decisionId,
      principal: principal(verdict),
    };
  };
