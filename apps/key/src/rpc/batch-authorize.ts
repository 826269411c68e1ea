import { type keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { checkError } from '../check';
import { type Deps } from '../deps';
import { authorize } from './authorize';

export const batchAuthorize =
  ({ judge }: Pick<Deps, 'judge'>) =>
  async (request: keyV1.BatchAuthorizeRequest, ctx: CallContext): Promise<keyV1.BatchAuthorizeResponse> => {
    const answer = authorize({ judge });
    // Those who miss the same fact at the same time share its one read.
    const results = await Promise.all(
      request.checks.map(async (check): Promise<keyV1.BatchAuthorizeResult> => {
        const error = checkError(check);
        if (error) return { outcome: { $case: 'error', value: error } };
        return { outcome: { $case: 'response', value: await answer(check, ctx) } };
      }),
    );
    return { results };
  };
