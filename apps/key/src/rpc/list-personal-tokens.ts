import { type keyV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf, type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { personalToken } from '../key';

export const listPersonalTokens =
  ({ keys, now }: Pick<Deps, 'keys' | 'now'>) =>
  async (
    request: keyV1.ListPersonalTokensRequest,
    ctx: PrincipalContext,
  ): Promise<keyV1.ListPersonalTokensResponse> => {
    const size = pageSizeOf(request.pageSize);
    const found = await keys.listTokens({
      organizationId: request.organizationId,
      memberId: ctx.principal.principalId,
      after: decodePageToken(request.pageToken),
      limit: size + 1,
    });
    const at = new Date(now());
    const { rows, nextPageToken } = nextPage(found, size);
    return { tokens: rows.map((row) => personalToken(row, at)), nextPageToken };
  };
