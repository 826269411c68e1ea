import { type keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound } from '../errors';
import { personalToken } from '../key';

export const getPersonalToken =
  ({ keys, usage, now }: Pick<Deps, 'keys' | 'usage' | 'now'>) =>
  async (request: keyV1.GetPersonalTokenRequest, ctx: PrincipalContext): Promise<keyV1.GetPersonalTokenResponse> => {
    const token = await keys.findToken(request.organizationId, ctx.principal.principalId, request.tokenId);
    if (!token) throw keyNotFound(request.tokenId);
    const used = await usage.find([token._id]);
    return { token: personalToken(token, new Date(now()), used.get(token._id)) };
  };
