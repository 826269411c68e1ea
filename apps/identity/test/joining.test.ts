import { identityV1 } from '@latchkey/proto';
import { AppError } from '@latchkey/service';
import { addMember } from '../src/rpc/add-member';
import { createOrganization } from '../src/rpc/create-organization';
import { deleteUser } from '../src/rpc/delete-user';
import { removeMember } from '../src/rpc/remove-member';
import {
  asMember,
  asUser,
  context,
  newOrganization,
  newUser,
  type Person,
  refusal,
  startWorld,
  type World,
} from './world';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
beforeEach(() => {
  world.role.before = () => Promise.resolve();
});

const { MemberState, OrganizationState } = identityV1;

const add = (by: Person, userId: string, more: { requestId?: string; requestDigest?: string } = {}) =>
  addMember(world.deps)(
    {
      organizationId: by.organizationId,
      userId,
      organizationRoleId: '',
      workspaceRoles: [],
      requestId: more.requestId ?? '',
    },
    asMember(by, 'AddMember', more),
  );

const membership = (organizationId: string, userId: string) => world.deps.members.findLiveFact(organizationId, userId);

describe('access appears last', () => {
  test('an organization and its founder are ACTIVE only after role has bound the founder', async () => {
    const userId = await newUser(world);
    let seen: (string | undefined)[] = [];
    world.role.before = async () => {
      const [member] = await world.deps.members.listLive(userId);
      const organization = member && (await world.deps.organizations.find(member.organizationId));
      seen = [member?.state, organization?.state];
    };
    const request = { displayName: 'Acme', requestId: '' };
    const { organization } = await createOrganization(world.deps)(request, asUser(userId, 'CreateOrganization'));
    expect(seen).toEqual(['JOINING', 'CREATING']);
    expect(organization?.state).toBe(OrganizationState.ACTIVE);
    expect((await membership(organization?.id ?? '', userId))?.state).toBe('ACTIVE');
    expect(await world.outbox()).toEqual([]);
  });

  test('while role is away nothing is active; a repeat with the same request_id resumes, and makes no second organization', async () => {
    const userId = await newUser(world);
    const ctx = asUser(userId, 'CreateOrganization', { requestId: 'found-1', requestDigest: 'same' });
    const request = { displayName: 'Acme', requestId: 'found-1' };
    world.role.before = () => Promise.reject(new AppError({ code: 'UNAVAILABLE', reason: 'AWAY', message: 'away' }));
    await expect(createOrganization(world.deps)(request, ctx)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect((await world.deps.members.listLive(userId)).map((m) => m.state)).toEqual(['JOINING']);

    world.role.before = () => Promise.resolve();
    const { organization } = await createOrganization(world.deps)(request, ctx);
    expect(organization?.state).toBe(OrganizationState.ACTIVE);
    expect((await world.deps.members.listLive(userId)).map((m) => m.state)).toEqual(['ACTIVE']);
  });

  test('the relay finishes a joining whose call has died', async () => {
    const founder = await newOrganization(world);
    const userId = await newUser(world);
    world.role.before = () => Promise.reject(new AppError({ code: 'UNAVAILABLE', reason: 'AWAY', message: 'away' }));
    await expect(add(founder, userId)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    world.role.before = () => Promise.resolve();
    await world.relay(0);
    expect((await membership(founder.organizationId, userId))?.state).toBe('JOINING');
    await world.relay(16_000);
    const member = await membership(founder.organizationId, userId);
    expect(member?.state).toBe('ACTIVE');
    expect(await world.outbox()).toEqual([]);
    const { organizationId } = founder;
    const { entries } = await world.deps.mutations.listAudit({ organizationId, objectId: member?._id });
    expect(entries.map(({ action, caller, changedFields }) => [action, caller, changedFields])).toEqual([
      ['relay/member-joining', 'identity', ['state']],
      ['latchkey.identity.v1.Test/AddMember', 'ops', ['user_id', 'state']],
    ]);
  });
});

describe('a refused joining is taken back', () => {
  test('the member leaves a tombstone, a repeat gets the same refusal, and the person can be added again', async () => {
    const founder = await newOrganization(world);
    const userId = await newUser(world);
    world.role.before = () => Promise.reject(refusal('ROLE_NOT_FOUND', 'NOT_FOUND'));
    const same = { requestId: 'add-1', requestDigest: 'same' };
    await expect(add(founder, userId, same)).rejects.toMatchObject({ reason: 'ROLE_NOT_FOUND' });
    world.role.before = () => Promise.resolve();
    await expect(add(founder, userId, same)).rejects.toMatchObject({ reason: 'ROLE_NOT_FOUND' });
    expect(await membership(founder.organizationId, userId)).toBeUndefined();

    const { member } = await add(founder, userId);
    expect(member?.state).toBe(MemberState.ACTIVE);
    await world.relay(0);
    expect(world.role.calls.filter((call) => call.startsWith('remove'))).not.toContain(`remove ${member?.id}`);
    expect(await world.outbox()).toEqual([]);
  });

  test('one who was removed while being bound stays removed, and keeps nothing at role', async () => {
    const founder = await newOrganization(world);
    const userId = await newUser(world);
    let memberId = '';
    world.role.before = async (call) => {
      if (!call.startsWith('bind')) return;
      memberId = call.slice('bind '.length);
      const { organizationId } = founder;
      await removeMember(world.deps)({ organizationId, memberId, requestId: '' }, asMember(founder, 'RemoveMember'));
    };
    const { member } = await add(founder, userId);
    expect(member?.state).toBe(MemberState.REMOVED);
    expect(world.role.bound.has(memberId)).toBe(false);
  });
});

describe('a person is a member once', () => {
  test('of many adds at the same moment one makes the member, the others say MEMBER_EXISTS', async () => {
    const founder = await newOrganization(world);
    const userId = await newUser(world);
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => add(founder, userId)));
    const reasons = results.flatMap((r) => (r.status === 'rejected' ? [(r.reason as AppError).reason] : []));
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
    expect(reasons).toEqual(Array(4).fill('MEMBER_EXISTS'));
  });

  test('an account that does not exist, or no more, cannot be added', async () => {
    const founder = await newOrganization(world);
    const userId = await newUser(world);
    await deleteUser(world.deps)({ userId, requestId: '' }, context('DeleteUser'));
    await expect(add(founder, userId)).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'USER_NOT_FOUND' });
  });

  test('two roles for one workspace are malformed', async () => {
    const founder = await newOrganization(world);
    const { organizationId } = founder;
    const role = { workspaceId: 'ws_1', roleId: 'role_1' };
    const request = {
      organizationId,
      userId: founder.userId,
      organizationRoleId: '',
      workspaceRoles: [role, role],
      requestId: '',
    };
    await expect(addMember(world.deps)(request, asMember(founder, 'AddMember'))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('adding a person and deleting the account are serial: no live membership of a deleted account is left', async () => {
    const founder = await newOrganization(world);
    for (let round = 0; round < 5; round++) {
      const userId = await newUser(world);
      const deletion = deleteUser(world.deps)({ userId, requestId: '' }, context('DeleteUser'));
      await Promise.allSettled([add(founder, userId), deletion]);
      const user = await world.deps.users.find(userId);
      const live = await world.deps.members.listLive(userId);
      expect([user?.state, live.length]).toEqual(user?.state === 'DELETED' ? ['DELETED', 0] : ['ACTIVE', 1]);
    }
  });
});
