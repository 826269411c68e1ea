import { type roleV1 } from '@latchkey/proto';
import { decodePageToken, nextPage, pageSizeOf } from '@latchkey/service';
import { toProtoBinding } from '../binding';
import { type Deps } from '../deps';

export const listBindings =
  ({ bindings }: Pick<Deps, 'bindings'>) =>
  async (request: roleV1.ListBindingsRequest): Promise<roleV1.ListBindingsResponse> => {
    const { organizationId, workspaceId } = request;
    const size = pageSizeOf(request.pageSize);
    const after = decodePageToken(request.pageToken);
    const page = nextPage(await bindings.list({ organizationId, workspaceId, after, limit: size + 1 }), size);
    return { bindings: page.rows.map(toProtoBinding), nextPageToken: page.nextPageToken };
  };
