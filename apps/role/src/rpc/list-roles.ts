import { type roleV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf } from '@latchkey/service';
import { type Deps } from '../deps';
import { builtInRoles, toProtoRole, viewOf } from '../role';

export const listRoles =
  ({ catalogues, roles }: Pick<Deps, 'catalogues' | 'roles'>) =>
  async (request: roleV1.ListRolesRequest): Promise<roleV1.ListRolesResponse> => {
    const size = pageSizeOf(request.pageSize);
    const after = decodePageToken(request.pageToken);
    const catalogue = await catalogues.read();
    // Ids begin with their time, and those of the built-in roles with none: in the order of ids they come first.
    const builtIn = builtInRoles(catalogue).filter(({ id }) => after === undefined || id > after);
    const own = await roles.list(request.organizationId, after, size + 1);
    const listed = [...builtIn, ...own.map(viewOf)].map((role) => ({ _id: role.id, role }));
    const page = nextPage(listed, size);
    return { roles: page.rows.map(({ role }) => toProtoRole(role, catalogue)), nextPageToken: page.nextPageToken };
  };
