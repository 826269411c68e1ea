import { questionError } from '@latchkey/facts';
import { type keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { authorize } from './authorize';

export const batchAuthorize = ({ judge }: Pick<Deps, 'judge'>) => {
  const answer = authorize({ judge });
  return (
    request: keyV1.BatchAuthorizeRequest,
    ctx: CallContext,
  ): keyV1.BatchAuthorizeResponse | Promise<keyV1.BatchAuthorizeResponse> => {
    // Those who miss the same fact at the same time share its one read.
    const late: Promise<void>[] = [];
    const results = request.checks.map((check, place): Result => {
      const error = questionError(check);
      if (error) return { outcome: { $case: 'error', value: error } };
      const response = answer(check, ctx);
      if (!(response instanceof Promise)) return answered(response);
      late.push(response.then((found) => void (results[place] = answered(found))));
      return PENDING;
    });
    return late.length === 0 ? { results } : Promise.all(late).then(() => ({ results }));
  };
};

type Result = keyV1.BatchAuthorizeResult;

/** Nobody sees it: the answer waits until each is replaced. */
const PENDING: Result = { outcome: undefined };

function answered(response: keyV1.AuthorizeResponse): Result {
  return { outcome: { $case: 'response', value: response } };
}
