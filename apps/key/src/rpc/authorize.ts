import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { legacyNotice, principal } from '../answers';

export const authorize =
  ({ judge }: Pick<Deps, 'judge'>) =>
  async (request: keyV1.AuthorizeRequest, ctx: CallContext): Promise<keyV1.AuthorizeResponse> => {
    const { key, permission, workspaceId, organizationId } = request;
    const verdict = await judge.judgeKey(key, { permission, workspaceId, organizationId }, ctx);
    return {
      allowed: verdict.allowed,
      reason: keyV1.DecisionReason[verdict.reason],
      decisionId: verdict.decisionId,
      principal: principal(verdict),
      legacy: legacyNotice(verdict),
    };
  };
