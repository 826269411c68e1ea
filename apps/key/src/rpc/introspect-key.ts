import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { decided, legacyNotice, principal } from '../answers';

export const introspectKey =
  ({ judge }: Pick<Deps, 'judge'>) =>
  async (request: keyV1.IntrospectKeyRequest, ctx: CallContext): Promise<keyV1.IntrospectKeyResponse> => {
    const verdict = await decided(judge.identifyKey(request.key, ctx.caller), ctx);
    return {
      active: verdict.allowed,
      reason: keyV1.DecisionReason[verdict.reason],
      principal: principal(verdict),
      legacy: legacyNotice(verdict),
    };
  };
