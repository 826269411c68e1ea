import { type identityV1 } from '@latchkey/proto';
import { toDeletion } from '../deletion';
import { type Deps } from '../deps';
import { deletionNotFound } from '../errors';

export const getDeletion =
  ({ deletions }: Pick<Deps, 'deletions'>) =>
  async ({ organizationId, deletionId }: identityV1.GetDeletionRequest): Promise<identityV1.GetDeletionResponse> => {
    const row = await deletions.find(organizationId, deletionId);
    if (!row) throw deletionNotFound(deletionId);
    return { deletion: toDeletion(row) };
  };
