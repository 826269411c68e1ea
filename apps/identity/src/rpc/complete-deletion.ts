import { identityV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { toDeletion } from '../deletion';
import { type Deps } from '../deps';
import { deletionNotFound } from '../errors';
import { USER_DELETION } from '../leaving';

export const completeDeletion =
  ({ deletions, mutations }: Pick<Deps, 'deletions' | 'mutations'>) =>
  async (
    request: identityV1.CompleteDeletionRequest,
    ctx: CallContext,
  ): Promise<identityV1.CompleteDeletionResponse> => {
    const { organizationId, deletionId, tokensDeleted, rolesRemoved } = request;
    const { answer } = await mutations.run(ctx, identityV1.CompleteDeletionResponse, async (tx) => {
      const find = () => deletions.find(organizationId, deletionId, tx.session);
      const before = await find();
      if (!before) throw deletionNotFound(deletionId);
      const result = { completeTime: tx.now, tokensDeleted, rolesRemoved };
      const completed = await deletions.complete(deletionId, result, tx.session);
      if (!completed) return tx.unchanged({ deletion: toDeletion(before) });
      await tx.settle(USER_DELETION, deletionId);
      const row = await find();
      const changed = ['state', 'complete_time', 'tokens_deleted', 'roles_removed'];
      return tx.audited(
        { deletion: row && toDeletion(row) },
        { organizationId, object: { kind: 'deletion', id: deletionId }, changed },
      );
    });
    return answer;
  };
