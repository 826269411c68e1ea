import { roleV1 } from '@latchkey/proto';
import { pageSizeOf } from '@latchkey/service';
import { livePermissions } from '../catalogue';
import { type Deps } from '../deps';
import { pageOfNumbers } from '../permission-page';
import { toProtoScope } from '../role';

export const listPermissions =
  ({ catalogues }: Pick<Deps, 'catalogues'>) =>
  async (request: roleV1.ListPermissionsRequest): Promise<roleV1.ListPermissionsResponse> => {
    const catalogue = await catalogues.read();
    const page = pageOfNumbers(livePermissions(catalogue), pageSizeOf(request.pageSize), request.pageToken);
    return {
      permissions: page.rows.map(({ name, scope, description, builtInRoles }) => ({
        name,
        scope: toProtoScope(scope),
        description,
        builtInRoles: builtInRoles.map((builtIn) => roleV1.BuiltInRole[builtIn]),
      })),
      nextPageToken: page.nextPageToken,
      version: catalogue.version,
    };
  };
