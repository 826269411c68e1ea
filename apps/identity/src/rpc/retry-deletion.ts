import { identityV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { toDeletion } from '../deletion';
import { type Deps } from '../deps';
import { deletionNotFound } from '../errors';
import { USER_DELETION } from '../leaving';

export const retryDeletion =
  ({ deletions, mutations }: Pick<Deps, 'deletions' | 'mutations'>) =>
  async (
    { organizationId, deletionId }: identityV1.RetryDeletionRequest,
    ctx: PrincipalContext,
  ): Promise<identityV1.RetryDeletionResponse> => {
    const { answer } = await mutations.run(ctx, identityV1.RetryDeletionResponse, async (tx) => {
      const row = await deletions.find(organizationId, deletionId, tx.session);
      if (!row) throw deletionNotFound(deletionId);
      const { state, memberId } = row;
      if (state !== 'PENDING') return tx.unchanged({ deletion: toDeletion(row) });
      // Promised again, it is due at once, whatever time it was waiting for.
      tx.enqueue({ kind: USER_DELETION, key: deletionId, payload: { deletionId, organizationId, memberId } });
      return tx.audited(
        { deletion: toDeletion(row) },
        { organizationId, object: { kind: 'deletion', id: deletionId } },
      );
    });
    return answer;
  };
