import { identityV1 } from '@latchkey/proto';
import { addMember } from '../src/rpc/add-member';
import { completeDeletion } from '../src/rpc/complete-deletion';
import { listDeletions } from '../src/rpc/list-deletions';
import { removeMember } from '../src/rpc/remove-member';
import { retryDeletion } from '../src/rpc/retry-deletion';
import { asMember, context, newOrganization, newUser, type Person, startWorld, type World } from './world';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
beforeEach(() => {
  world.jobs.down = false;
  world.jobs.jobs.length = 0;
});

const { DeletionState } = identityV1;

async function removed(by: Person): Promise<string> {
  const { organizationId } = by;
  const userId = await newUser(world);
  const request = { organizationId, userId, organizationRoleId: '', workspaceRoles: [], requestId: '' };
  const { member } = await addMember(world.deps)(request, asMember(by, 'AddMember'));
  const memberId = member?.id ?? '';
  const gone = await removeMember(world.deps)(
    { organizationId, memberId, requestId: '' },
    asMember(by, 'RemoveMember'),
  );
  return gone.deletionId;
}

const complete = (by: Person, deletionId: string, tokensDeleted: number) =>
  completeDeletion(world.deps)(
    { organizationId: by.organizationId, deletionId, tokensDeleted, rolesRemoved: 1 },
    context('CompleteDeletion', { caller: 'worker' }),
  );

test('a pending deletion goes into the queue at once, and again under a new id when it is pending too long', async () => {
  const founder = await newOrganization(world);
  const deletionId = await removed(founder);
  await world.relay(0);
  expect(world.jobs.jobs).toEqual([`ud-${deletionId}`]);
  await world.relay(31_000);
  expect(world.jobs.jobs).toEqual([`ud-${deletionId}`, `ud-${deletionId}-r1`]);
  expect((await world.deps.deletions.find(founder.organizationId, deletionId))?.attempts).toBe(2);
  await complete(founder, deletionId, 0);
});

test('while the queue is away nothing is counted, and the deletion goes in when it returns', async () => {
  const founder = await newOrganization(world);
  const deletionId = await removed(founder);
  world.jobs.down = true;
  await world.relay(0);
  expect((await world.deps.deletions.find(founder.organizationId, deletionId))?.attempts).toBe(0);
  world.jobs.down = false;
  await world.relay(2_100);
  expect(world.jobs.jobs).toContain(`ud-${deletionId}`);
  await complete(founder, deletionId, 0);
});

test('completing is idempotent: the first counts stay, and the promise is settled', async () => {
  const founder = await newOrganization(world);
  const deletionId = await removed(founder);
  const first = await complete(founder, deletionId, 3);
  expect(first.deletion).toMatchObject({ state: DeletionState.COMPLETED, tokensDeleted: 3, rolesRemoved: 1 });
  expect((await complete(founder, deletionId, 7)).deletion).toEqual(first.deletion);
  expect(await world.outbox()).toEqual([]);
});

test('a retry makes a waiting deletion due at once, and does nothing to a completed one', async () => {
  const founder = await newOrganization(world);
  const { organizationId } = founder;
  const deletionId = await removed(founder);
  await world.relay(0);
  const retry = () =>
    retryDeletion(world.deps)({ organizationId, deletionId, requestId: '' }, asMember(founder, 'RetryDeletion'));
  await retry();
  await world.relay(0);
  expect(world.jobs.jobs).toEqual([`ud-${deletionId}`, `ud-${deletionId}-r1`]);
  await complete(founder, deletionId, 0);
  const trail = () => world.deps.mutations.listAudit({ organizationId, objectId: deletionId });
  const before = await trail();
  expect((await retry()).deletion?.state).toBe(DeletionState.COMPLETED);
  expect(await trail()).toEqual(before);
  expect(await world.outbox()).toEqual([]);
});

test('a deletion of another organization is as absent as one that never was', async () => {
  const founder = await newOrganization(world);
  const stranger = await newOrganization(world);
  const deletionId = await removed(stranger);
  await expect(complete(founder, deletionId, 0)).rejects.toMatchObject({ reason: 'DELETION_NOT_FOUND' });
  await complete(stranger, deletionId, 0);
});

test('deletions are listed newest first, page by page', async () => {
  const founder = await newOrganization(world);
  const { organizationId } = founder;
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) ids.push(await removed(founder));
  const page = (pageToken: string) => listDeletions(world.deps)({ organizationId, pageSize: 2, pageToken });
  const first = await page('');
  const second = await page(first.nextPageToken);
  expect([...first.deletions, ...second.deletions].map((deletion) => deletion.id)).toEqual(ids.toReversed());
  expect(second.nextPageToken).toBe('');
  for (const id of ids) await complete(founder, id, 0);
});
