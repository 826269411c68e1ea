import { type identityV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf } from '@latchkey/service';
import { toDeletion } from '../deletion';
import { type Deps } from '../deps';

export const listDeletions =
  ({ deletions }: Pick<Deps, 'deletions'>) =>
  async (request: identityV1.ListDeletionsRequest): Promise<identityV1.ListDeletionsResponse> => {
    const { organizationId } = request;
    const size = pageSizeOf(request.pageSize);
    const before = decodePageToken(request.pageToken);
    const page = nextPage(await deletions.list({ organizationId, before, limit: size + 1 }), size);
    return { deletions: page.rows.map(toDeletion), nextPageToken: page.nextPageToken };
  };
