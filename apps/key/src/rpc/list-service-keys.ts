import { type keyV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf, type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { serviceKey } from '../key';

export const listServiceKeys =
  ({ keys, usage, now }: Pick<Deps, 'keys' | 'usage' | 'now'>) =>
  async (request: keyV1.ListServiceKeysRequest, _ctx: PrincipalContext): Promise<keyV1.ListServiceKeysResponse> => {
    const size = pageSizeOf(request.pageSize);
    const found = await keys.listServiceKeys({
      organizationId: request.organizationId,
      after: decodePageToken(request.pageToken),
      limit: size + 1,
    });
    const at = new Date(now());
    const { rows, nextPageToken } = nextPage(found, size);
    const used = await usage.find(rows.map(({ _id }) => _id));
    return { keys: rows.map((row) => serviceKey(row, at, used.get(row._id))), nextPageToken };
  };
