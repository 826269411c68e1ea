import { createWorkspace } from '../src/rpc/create-workspace';
import { deleteWorkspace } from '../src/rpc/delete-workspace';
import { getOrganizationFact, getWorkspaceFact } from '../src/rpc/facts';
import { updateOrganization } from '../src/rpc/update-organization';
import { asMember, newOrganization, type Person, startWorld, type World } from './world';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

describe('DeleteWorkspace', () => {
  const create = async (by: Person) => {
    const request = { organizationId: by.organizationId, name: 'production', requestId: '' };
    return (await createWorkspace(world.deps)(request, asMember(by, 'CreateWorkspace'))).workspace?.id ?? '';
  };
  const end = (by: Person, workspaceId: string, more: { requestId?: string; requestDigest?: string } = {}) =>
    deleteWorkspace(world.deps)(
      { organizationId: by.organizationId, workspaceId, requestId: more.requestId ?? '' },
      asMember(by, 'DeleteWorkspace', more),
    );

  test('leaves a tombstone, frees the name, and promises the clean-up, which goes on until nothing is left', async () => {
    const founder = await newOrganization(world);
    const workspaceId = await create(founder);
    const same = { requestId: 'end', requestDigest: 'end' };
    await end(founder, workspaceId, same);
    await end(founder, workspaceId, same);
    await expect(end(founder, workspaceId)).rejects.toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
    expect((await getWorkspaceFact(world.deps)({ workspaceId })).fact?.active).toBe(false);
    expect(await world.outbox()).toEqual([{ kind: 'workspace-removal', key: workspaceId }]);
    await create(founder);
    world.role.more = 2;
    await world.relay(0);
    expect(await world.outbox()).toEqual([]);
    expect(world.role.calls.filter((call) => call === `remove ${workspaceId}`)).toHaveLength(3);
    expect(world.role.calls.filter((call) => call === `keys ${workspaceId}`)).toHaveLength(3);
  });

  test('of another organization’s workspace deletes nothing', async () => {
    const workspaceId = await create(await newOrganization(world));
    const stranger = await newOrganization(world);
    await expect(end(stranger, workspaceId)).rejects.toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
    expect((await getWorkspaceFact(world.deps)({ workspaceId })).fact?.active).toBe(true);
  });
});

describe('UpdateOrganization', () => {
  const update = (by: Person, change: Partial<Parameters<ReturnType<typeof updateOrganization>>[0]>) =>
    updateOrganization(world.deps)(
      { organizationId: by.organizationId, displayName: '', etag: '', requestId: '', ...change },
      asMember(by, 'UpdateOrganization'),
    );
  const fact = async ({ organizationId }: Person) => (await getOrganizationFact(world.deps)({ organizationId })).fact;

  test('changes what is given and leaves the rest; the fact says so', async () => {
    const founder = await newOrganization(world);
    expect(await fact(founder)).toMatchObject({ delegateServiceKeys: false, personalTokensDisabled: false });
    const first = await update(founder, { delegateServiceKeys: true });
    expect(first.organization).toMatchObject({ displayName: 'Acme', etag: '2' });
    const second = await update(founder, { displayName: 'Acme 2', personalTokensDisabled: true });
    expect(second.organization?.settings).toEqual({ delegateServiceKeys: true, personalTokensDisabled: true });
    const third = await update(founder, { delegateServiceKeys: false });
    expect(third.organization).toMatchObject({ displayName: 'Acme 2', etag: '4' });
    expect(await fact(founder)).toMatchObject({ delegateServiceKeys: false, personalTokensDisabled: true });
  });

  test('to what it is already changes nothing, and a stale etag is refused', async () => {
    const founder = await newOrganization(world);
    const same = await update(founder, { displayName: 'Acme', delegateServiceKeys: false, etag: '1' });
    expect(same.organization?.etag).toBe('1');
    await update(founder, { displayName: 'Other', etag: '1' });
    const stale = update(founder, { displayName: 'Third', etag: '1' });
    await expect(stale).rejects.toMatchObject({ code: 'ABORTED', reason: 'STALE_ETAG' });
  });
});
