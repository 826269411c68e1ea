import { type AppError } from '@latchkey/service';
import { createUser } from '../src/rpc/create-user';
import { createWorkspace } from '../src/rpc/create-workspace';
import { getWorkspace } from '../src/rpc/get-workspace';
import { getWorkspaceFact, getOrganizationFact } from '../src/rpc/facts';
import { listOrganizations } from '../src/rpc/list-organizations';
import { listWorkspaces } from '../src/rpc/list-workspaces';
import { lookupUser } from '../src/rpc/lookup-user';
import { createOrganization } from '../src/rpc/create-organization';
import {
  asMember,
  asUser,
  context,
  newId,
  newOrganization,
  newUser,
  type Person,
  startWorld,
  type World,
} from './world';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const workspace = (by: Person, name: string) =>
  createWorkspace(world.deps)(
    { organizationId: by.organizationId, name, requestId: '' },
    asMember(by, 'CreateWorkspace'),
  );

test('a workspace name is taken in any case, in its own organization only', async () => {
  const [a, b] = [await newOrganization(world), await newOrganization(world)];
  await workspace(a, 'Production');
  await expect(workspace(a, 'pRODUCTION')).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
    reason: 'WORKSPACE_NAME_TAKEN',
  });
  await workspace(b, 'production');
});

test('of many workspaces of one name at the same moment one is made', async () => {
  const founder = await newOrganization(world);
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => workspace(founder, 'staging')));
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
  for (const r of results)
    if (r.status === 'rejected') expect((r.reason as AppError).reason).toBe('WORKSPACE_NAME_TAKEN');
});

test("another organization's workspace is as absent as one that never was", async () => {
  const [a, b] = [await newOrganization(world), await newOrganization(world)];
  const made = (await workspace(b, 'production')).workspace;
  const read = (workspaceId: string) =>
    getWorkspace(world.deps)({ organizationId: a.organizationId, workspaceId }).catch((e: AppError) => [
      e.code,
      e.reason,
      e.message,
    ]);
  expect(await read(made?.id ?? '')).toEqual(await read(newId('ws')));
});

test('facts say what there is, and nothing about what there is not', async () => {
  const founder = await newOrganization(world);
  const made = (await workspace(founder, 'production')).workspace;
  const { organizationId } = founder;
  expect((await getOrganizationFact(world.deps)({ organizationId })).fact).toEqual({
    organizationId,
    active: true,
    delegateServiceKeys: false,
    personalTokensDisabled: false,
  });
  expect((await getWorkspaceFact(world.deps)({ workspaceId: made?.id ?? '' })).fact).toMatchObject({
    organizationId,
    active: true,
  });
  expect(await getOrganizationFact(world.deps)({ organizationId: newId('org') })).toEqual({ fact: undefined });
});

test('an address belongs to one live account, in any case', async () => {
  const email = `${newId('user')}@example.com`;
  const make = (address: string) =>
    createUser(world.deps)({ email: address, displayName: '', requestId: '' }, context('CreateUser'));
  const { user } = await make(email.toUpperCase());
  expect(user?.email).toBe(email);
  await expect(make(email)).rejects.toMatchObject({ code: 'ALREADY_EXISTS', reason: 'EMAIL_TAKEN' });
  expect((await lookupUser(world.deps)({ email: email.toUpperCase() })).user?.id).toBe(user?.id);
  await expect(lookupUser(world.deps)({ email: 'nobody@example.com' })).rejects.toMatchObject({
    reason: 'USER_NOT_FOUND',
  });
});

test('workspaces are listed oldest first, page by page', async () => {
  const founder = await newOrganization(world);
  const names = ['one', 'two', 'three'];
  for (const name of names) await workspace(founder, name);
  const page = (pageToken: string) =>
    listWorkspaces(world.deps)({ organizationId: founder.organizationId, pageSize: 2, pageToken });
  const first = await page('');
  const second = await page(first.nextPageToken);
  expect([...first.workspaces, ...second.workspaces].map((w) => w.name)).toEqual(names);
  expect([first.workspaces.length, second.nextPageToken]).toEqual([2, '']);
});

test("a person's organizations are listed in the order of joining", async () => {
  const userId = await newUser(world);
  for (const displayName of ['A', 'B', 'C']) {
    await createOrganization(world.deps)({ displayName, requestId: '' }, asUser(userId, 'CreateOrganization'));
  }
  const page = (pageToken: string) =>
    listOrganizations(world.deps)({ pageSize: 2, pageToken }, asUser(userId, 'ListOrganizations'));
  const first = await page('');
  const second = await page(first.nextPageToken);
  expect([...first.organizations, ...second.organizations].map((o) => o.displayName)).toEqual(['A', 'B', 'C']);
});
