import { type identityV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf, type UserContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { toOrganization } from '../organization';

/** Pages over memberships, whose order is the list's; an organization that is not ACTIVE leaves its place empty. */
export const listOrganizations =
  ({ members, organizations }: Pick<Deps, 'members' | 'organizations'>) =>
  async (
    request: identityV1.ListOrganizationsRequest,
    { userId }: UserContext,
  ): Promise<identityV1.ListOrganizationsResponse> => {
    const size = pageSizeOf(request.pageSize);
    const after = decodePageToken(request.pageToken);
    const page = nextPage(await members.listActive({ userId, after, limit: size + 1 }), size);
    const found = await organizations.findAll(page.rows.map((member) => member.organizationId));
    const byId = new Map(found.map((row) => [row._id, row]));
    return {
      organizations: page.rows.flatMap(({ organizationId }) => {
        const row = byId.get(organizationId);
        return row?.state === 'ACTIVE' ? [toOrganization(row)] : [];
      }),
      nextPageToken: page.nextPageToken,
    };
  };
