import { keyV1 } from '@latchkey/proto';
import { check } from './check';
import { ANNOTATOR, masked, type Person, type Tour } from './setting';

const { ALLOWED, PERMISSION_MISSING } = keyV1.DecisionReason;

export async function tryTokens(tour: Tour): Promise<void> {
  const { api, tell, organizationId, production, staging, people } = tour;
  tell.step(4, 'Personal access tokens: exactly what their member may, at every moment');
  await createToken(tour, 'ada', people.admin);
  await createToken(tour, 'vera', people.viewer);
  await createToken(tour, 'ed', people.editor);
  await createToken(tour, 'anna', people.annotator);

  const inProduction = { workspaceId: production, where: 'production' };
  const vera = { who: 'vera', key: people.viewer.token, ...inProduction };
  await check(tour, { ...vera, permission: 'projects:read' }, ALLOWED);
  await check(tour, { ...vera, permission: 'projects:create' }, PERMISSION_MISSING);
  const ed = { who: 'ed', key: people.editor.token, ...inProduction };
  await check(tour, { ...ed, permission: 'projects:create' }, ALLOWED);
  await check(tour, { ...ed, permission: 'workspaces:manage-members' }, PERMISSION_MISSING);
  const anna = { who: 'anna', key: people.annotator.token };
  for (const permission of ANNOTATOR) await check(tour, { ...anna, ...inProduction, permission }, ALLOWED);
  await check(tour, { ...anna, ...inProduction, permission: 'annotation-queues:delete' }, PERMISSION_MISSING);
  for (const permission of ANNOTATOR) {
    await check(tour, { ...anna, workspaceId: staging, where: 'staging', permission }, PERMISSION_MISSING);
  }

  await tell.refused(
    'Ed asks for a service key in production',
    api.serviceKeys.createServiceKey(
      { organizationId, name: 'ed tries', workspaceIds: [production] },
      { as: people.editor.as },
    ),
    'PERMISSION_DENIED',
    'PERMISSION_MISSING',
  );
  await tell.refused(
    "Ada's token asks for another token",
    api.tokens.createPersonalToken({ organizationId, name: 'breed' }, { as: { key: people.admin.token } }),
    'PERMISSION_DENIED',
    'BEARER_REFUSED',
  );
}

async function createToken({ api, tell, organizationId }: Tour, name: string, person: Person): Promise<void> {
  const { token, secret } = await tell.ask(
    `${name} creates a personal access token`,
    api.tokens.createPersonalToken({ organizationId, name: `${name}'s laptop` }, { as: person.as }),
    (answer) => `${answer.token?.id}, secret ${masked(answer.secret)} (shown once)`,
  );
  person.token = secret;
  person.tokenId = token?.id ?? '';
}
