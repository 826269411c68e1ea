import { type Verdict } from '@latchkey/facts';
import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { answered, legacyNotice, principal } from '../answers';
import { type Deps } from '../deps';

export const authorize =
  ({ judge }: Pick<Deps, 'judge'>) =>
  (request: keyV1.AuthorizeRequest, ctx: CallContext): keyV1.AuthorizeResponse | Promise<keyV1.AuthorizeResponse> =>
    answered(judge.judgeKey(request.key, request, ctx.caller), ctx, response);

function response(verdict: Verdict): keyV1.AuthorizeResponse {
  return {
    allowed: verdict.allowed,
    reason: keyV1.DecisionReason[verdict.reason],
    decisionId: verdict.decisionId,
    principal: principal(verdict),
    legacy: legacyNotice(verdict),
  };
}
