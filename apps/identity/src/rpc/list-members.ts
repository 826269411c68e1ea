import { type identityV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf } from '@latchkey/service';
import { type Deps } from '../deps';
import { toMember } from '../member';

export const listMembers =
  ({ members }: Pick<Deps, 'members'>) =>
  async (request: identityV1.ListMembersRequest): Promise<identityV1.ListMembersResponse> => {
    const { organizationId } = request;
    const size = pageSizeOf(request.pageSize);
    const after = decodePageToken(request.pageToken);
    const page = nextPage(await members.list({ organizationId, after, limit: size + 1 }), size);
    return { members: page.rows.map(toMember), nextPageToken: page.nextPageToken };
  };
