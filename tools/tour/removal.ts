import { identityV1, keyV1 } from '@latchkey/proto';
import { eventually } from '@latchkey/testing';
import { check } from './check';
import { addMember } from './organization';
import { watchQueue } from './queue';
import type { Tour } from './setting';

const { ALLOWED, PRINCIPAL_REMOVED } = keyV1.DecisionReason;

export async function removeEditor(
  tour: Tour,
  serviceKeys: { admin: string; annotator: string },
  redisUrl: string | undefined,
): Promise<void> {
  const { api, tell, organizationId, production, people } = tour;
  const { editor, admin } = people;
  tell.step(7, 'The editor is removed, and the token is dead before the call returns');
  const inProduction = { workspaceId: production, where: 'production', permission: 'projects:read' };
  await check(tour, { who: 'ed', key: editor.token, ...inProduction }, ALLOWED);
  const queue = redisUrl ? await watchQueue(redisUrl) : undefined;
  try {
    const { deletionId } = await tell.ask(
      'Ada removes ed from the organization',
      api.members.removeMember({ organizationId, memberId: editor.memberId }, { as: admin.as }),
      (answer) => `${answer.deletionId} will clean up`,
    );
    await check(tour, { who: 'ed', key: editor.token, ...inProduction }, PRINCIPAL_REMOVED);
    if (queue) tell.say(`the BullMQ job ${await queue.sawCompleted(deletionId)} has run`);
    else tell.say('no Redis address was given (--redis): the queue is judged by the deletion alone');
    const deletion = await eventually(async () => {
      const answer = await api.deletions.getDeletion({ organizationId, deletionId }, { as: admin.as });
      if (answer.deletion?.state !== identityV1.DeletionState.COMPLETED)
        throw new Error('the deletion is still pending');
      return answer.deletion;
    });
    tell.expect(
      deletion.attempts >= 1 && deletion.tokensDeleted === 1 && deletion.rolesRemoved === 2,
      `${deletion.id} is COMPLETED: ${deletion.tokensDeleted} token and ${deletion.rolesRemoved} roles are gone`,
    );
  } finally {
    await queue?.close();
  }
  await check(tour, { who: 'deploy-bot', key: serviceKeys.admin, ...inProduction }, ALLOWED);
  const annotating = { ...inProduction, permission: 'feedback:create' };
  await check(tour, { who: 'annotation-bot', key: serviceKeys.annotator, ...annotating }, ALLOWED);

  const before = editor.memberId;
  await addMember(tour, editor, 'ed');
  tell.expect(editor.memberId !== before, 'the same person is a new member, with another id');
  await check(tour, { who: 'ed (old token)', key: editor.token, ...inProduction }, PRINCIPAL_REMOVED);
  const { tokens } = await api.tokens.listPersonalTokens({ organizationId }, { as: editor.as });
  tell.expect(tokens.length === 0, 'no list shows the old token');
}
