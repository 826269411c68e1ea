import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { decided, legacyNotice, principal } from '../answers';
import { type Deps } from '../deps';

export const authorize =
  ({ judge }: Pick<Deps, 'judge'>) =>
  async (request: keyV1.AuthorizeRequest, ctx: CallContext): Promise<keyV1.AuthorizeResponse> => {
    const { key, permission, workspaceId, organizationId } = request;
    const verdict = await decided(judge.judgeKey(key, { permission, workspaceId, organizationId }, ctx.caller), ctx);
    return {
      allowed: verdict.allowed,
      reason: keyV1.DecisionReason[verdict.reason],
      decisionId: verdict.decisionId,
      principal: principal(verdict),
      legacy: legacyNotice(verdict),
    };
  };
