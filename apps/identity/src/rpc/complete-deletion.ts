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
      const answer = async () => {
        const row = await find();
        return { deletion: row && toDeletion(row) };
      };
      if (!(await find())) throw deletionNotFound(deletionId);
      const result = { completeTime: tx.now, tokensDeleted, rolesRemoved };
      if (!(await deletions.complete(deletionId, result, tx.session))) return tx.unchanged(await answer());
      await tx.settle(USER_DELETION, deletionId);
      const changed = ['state', 'complete_time', 'tokens_deleted', 'roles_removed'];
      return tx.audited(await answer(), { organizationId, object: { kind: 'deletion', id: deletionId }, changed });
    });
    return answer;
  };
