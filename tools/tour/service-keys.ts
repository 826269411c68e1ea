import { createHash, randomBytes } from 'node:crypto';
import { keyV1 } from '@latchkey/proto';
import { check } from './check';
import { ANNOTATOR, masked, type Tour } from './setting';

const { ALLOWED, PERMISSION_MISSING, LEGACY_KEY_SUNSET } = keyV1.DecisionReason;

export async function tryServiceKeys(tour: Tour): Promise<{ admin: string; annotator: string }> {
  tour.tell.step(5, 'Service keys: Admin by default, or exactly one role');
  const admin = await createServiceKey(tour, 'deploy-bot', '');
  const annotator = await createServiceKey(tour, 'annotation-bot', tour.annotatorRoleId);
  const here = { workspaceId: tour.production, where: 'production' };
  await check(tour, { who: 'deploy-bot', key: admin, ...here, permission: 'workspaces:manage-members' }, ALLOWED);
  await check(
    tour,
    { who: 'deploy-bot', key: admin, workspaceId: tour.staging, where: 'staging', permission: 'projects:read' },
    PERMISSION_MISSING,
  );
  for (const permission of ANNOTATOR) {
    await check(tour, { who: 'annotation-bot', key: annotator, ...here, permission }, ALLOWED);
  }
  await check(
    tour,
    { who: 'annotation-bot', key: annotator, ...here, permission: 'projects:read' },
    PERMISSION_MISSING,
  );
  return { admin, annotator };
}

async function createServiceKey(tour: Tour, name: string, roleId: string): Promise<string> {
  const { secret } = await tour.tell.ask(
    `Ada creates the service key "${name}" for production, ${roleId ? 'restricted to annotator' : 'role left open'}`,
    tour.api.serviceKeys.createServiceKey(
      { organizationId: tour.organizationId, name, workspaceIds: [tour.production], roleId },
      { as: tour.people.admin.as },
    ),
    (answer) => `${answer.key?.id} acts as ${answer.key?.serviceAccountId}, secret ${masked(answer.secret)}`,
  );
  return secret;
}

export async function tryLegacyKey(tour: Tour): Promise<void> {
  const { api, tell, organizationId, production, people } = tour;
  tell.step(6, 'An old ls__ key, its sunset, and one more year');
  const old = `ls__${randomBytes(16).toString('hex')}`;
  const sha256 = createHash('sha256').update(old).digest('hex');
  await tell.ask(
    `Ada imports ${masked(old)} by its hash`,
    api.legacyKeys.importLegacyKeys(
      { organizationId, workspaceId: production, keys: [{ sha256, name: 'from before' }] },
      { as: people.admin.as },
    ),
    (answer) => `it is ${answer.keyIds.join()} now`,
  );
  const question = {
    who: 'the old key',
    key: old,
    workspaceId: production,
    where: 'production',
    permission: 'projects:read',
  };
  await check(tour, question, LEGACY_KEY_SUNSET);
  const sunset = new Date(Date.now() + 365 * 86_400_000);
  await tell.ask(
    `Ada moves this organization's sunset to ${sunset.toISOString()}`,
    api.legacyKeys.setLegacySunset({ organizationId, sunsetTime: sunset }, { as: people.admin.as }),
    (answer) => `sunset ${answer.sunsetTime?.toISOString()}`,
  );
  const { legacy } = await check(tour, question, ALLOWED);
  tell.expect(
    legacy?.sunsetTime?.getTime() === sunset.getTime(),
    `the answer carries a notice: this key works until ${legacy?.sunsetTime?.toISOString()}`,
  );
}
