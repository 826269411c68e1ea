import { type keyV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { checkError } from '../check';
import { type Deps } from '../deps';
import { authorize } from './authorize';

export const batchAuthorize = ({ judge }: Pick<Deps, 'judge'>) => {
  const answer = authorize({ judge });
  return (
    request: keyV1.BatchAuthorizeRequest,
    ctx: CallContext,
  ): keyV1.BatchAuthorizeResponse | Promise<keyV1.BatchAuthorizeResponse> => {
    // Those who miss the same fact at the same time share its one read.
    const results = request.checks.map((check): Result | Promise<Result> => {
      const error = checkError(check);
      if (error) return { outcome: { $case: 'error', value: error } };
      const response = answer(check, ctx);
      return response instanceof Promise ? response.then(answeredBy) : answeredBy(response);
    });
    return isThere(results) ? { results } : Promise.all(results).then((all) => ({ results: all }));
  };
};

type Result = keyV1.BatchAuthorizeResult;

function answeredBy(response: keyV1.AuthorizeResponse): Result {
  return { outcome: { $case: 'response', value: response } };
}

function isThere(results: (Result | Promise<Result>)[]): results is Result[] {
  return results.every((result) => !(result instanceof Promise));
}
