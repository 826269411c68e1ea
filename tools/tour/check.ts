import type { keyV1 } from '@latchkey/proto';
import { TourFailed } from './narrator';
import type { Tour } from './setting';

/** Asks every replica of key whether the holder may do it, and insists on the same expected reason from each. */
export async function check(
  { api, tell, organizationId }: Pick<Tour, 'api' | 'tell' | 'organizationId'>,
  question: { who: string; key: string; permission: string; workspaceId?: string; where?: string },
  expected: keyV1.DecisionReason,
): Promise<keyV1.AuthorizeResponse> {
  const request = {
    key: question.key,
    permission: question.permission,
    workspaceId: question.workspaceId ?? '',
    organizationId,
  };
  const answers = await Promise.all(api.authorizationReplicas.map((replica) => replica.authorize(request)));
  const reasons = answers.map((answer) => answer.reason.replace('DECISION_REASON_', ''));
  const asked = `may ${question.who} ${question.permission}${question.where ? ` in ${question.where}` : ''}?`;
  const first = answers[0];
  if (!first || answers.some((answer) => answer.reason !== expected)) {
    throw new TourFailed(`${asked} expected ${expected} from each replica, got ${reasons.join(', ')}`);
  }
  tell.say(`→ ${asked}  ← ${first.allowed ? 'yes' : 'no'}: ${reasons.join(', ')} (${answers.length} replicas)`);
  return first;
}
