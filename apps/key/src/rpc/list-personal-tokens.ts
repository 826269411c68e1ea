import { type keyV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf, type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { personalToken } from '../key';

export const listPersonalTokens =
  ({ keys, usage, now }: Pick<Deps, 'keys' | 'usage' | 'now'>) =>
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
    const used = await usage.find(rows.map(({ _id }) => _id));
    return { tokens: rows.map((row) => personalToken(row, at, used.get(row._id))), nextPageToken };
  };
