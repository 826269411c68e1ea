import { type identityV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf } from '@latchkey/service';
import { type Deps } from '../deps';
import { toWorkspace } from '../workspace';

export const listWorkspaces =
  ({ workspaces }: Pick<Deps, 'workspaces'>) =>
  async (request: identityV1.ListWorkspacesRequest): Promise<identityV1.ListWorkspacesResponse> => {
    const { organizationId } = request;
    const size = pageSizeOf(request.pageSize);
    const after = decodePageToken(request.pageToken);
    const page = nextPage(await workspaces.list({ organizationId, after, limit: size + 1 }), size);
    return { workspaces: page.rows.map(toWorkspace), nextPageToken: page.nextPageToken };
  };
