import { keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { answered, legacyNotice, principal } from '../answers';

export const introspectKey =
  ({ judge }: Pick<Deps, 'judge'>) =>
  (
    { key }: keyV1.IntrospectKeyRequest,
    ctx: CallContext,
  ): keyV1.IntrospectKeyResponse | Promise<keyV1.IntrospectKeyResponse> =>
    answered(judge.identifyKey(key, ctx.caller), ctx, (verdict) => ({
      active: verdict.allowed,
      reason: keyV1.DecisionReason[verdict.reason],
      principal: principal(verdict),
      legacy: legacyNotice(verdict),
    }));
