import { AppError } from '@latchkey/service';
import { readAllDocuments } from '@latchkey/testing';
import { closeSeat, intendClosing, takeBackClosing } from '../src/leaving';
import { addMember } from '../src/rpc/add-member';
import { createUser } from '../src/rpc/create-user';
import { deleteUser } from '../src/rpc/delete-user';
import { findMemberFact, getMemberFact } from '../src/rpc/facts';
import { removeMember } from '../src/rpc/remove-member';
import {
  addPerson,
  ADMIN_ROLE,
  asMember,
  context,
  newId,
  newOrganization,
  type Person,
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

const newMember = (by: Person, organizationRoleId = '') => addPerson(world, by, organizationRoleId);

const remove = (by: Person, memberId: string, more: { requestId?: string; requestDigest?: string } = {}) =>
  removeMember(world.deps)(
    { organizationId: by.organizationId, memberId, requestId: more.requestId ?? '' },
    asMember(by, 'RemoveMember', more),
  );

const away = () => new AppError({ code: 'UNAVAILABLE', reason: 'AWAY', message: 'away' });

describe('RemoveMember', () => {
  test('tombstone, deletion and promise are there when it returns; the fact says REMOVED, and the person is no member', async () => {
    const founder = await newOrganization(world);
    const { organizationId, userId, memberId } = await newMember(founder);
    const { deletionId } = await remove(founder, memberId);
    expect((await getMemberFact(world.deps)({ memberId })).fact?.liveness).toBe('MEMBER_LIVENESS_REMOVED');
    expect(await findMemberFact(world.deps)({ organizationId, userId })).toEqual({ fact: undefined });
    expect(await world.deps.deletions.find(organizationId, deletionId)).toMatchObject({ state: 'PENDING', memberId });
    expect(await world.outbox()).toEqual([{ kind: 'user-deletion', key: deletionId }]);
  });

  test('a repeat with the same request_id answers the first deletion; without one there is nothing to remove', async () => {
    const founder = await newOrganization(world);
    const { memberId } = await newMember(founder);
    const same = { requestId: 'remove-1', requestDigest: 'same' };
    const first = await remove(founder, memberId, same);
    expect(await remove(founder, memberId, same)).toEqual(first);
    await expect(remove(founder, memberId)).rejects.toMatchObject({ code: 'NOT_FOUND', reason: 'MEMBER_NOT_FOUND' });
  });

  test('a member of another organization is as absent as one that never was', async () => {
    const founder = await newOrganization(world);
    const stranger = await newOrganization(world);
    const of = (memberId: string) =>
      remove(founder, memberId).catch((error: AppError) => [error.reason, error.message]);
    expect(await of(stranger.memberId)).toEqual(await of(newId('mem')));
    expect((await world.deps.members.find(stranger.organizationId, stranger.memberId))?.state).toBe('ACTIVE');
  });

  test('the last admin stays, and no intent is left behind', async () => {
    const founder = await newOrganization(world);
    await expect(remove(founder, founder.memberId)).rejects.toMatchObject({ reason: 'LAST_ADMIN' });
    expect((await world.outbox()).filter(({ kind }) => kind === 'seat-closing')).toEqual([]);
    expect((await world.deps.members.find(founder.organizationId, founder.memberId))?.state).toBe('ACTIVE');
  });

  test('two admins who remove each other at the same moment leave one', async () => {
    for (let round = 0; round < 5; round++) {
      const a = await newOrganization(world);
      const b = await newMember(a, ADMIN_ROLE);
      await Promise.allSettled([remove(a, b.memberId), remove(b, a.memberId)]);
      const states = await Promise.all(
        [a, b].map(async (p) => (await world.deps.members.find(p.organizationId, p.memberId))?.state),
      );
      expect(states.filter((state) => state === 'ACTIVE')).toHaveLength(1);
    }
  });

  test('a removal that died with the seat closed is taken back by the relay: the seat is open again', async () => {
    const founder = await newOrganization(world);
    const { memberId } = await newMember(founder, ADMIN_ROLE);
    const ctx = asMember(founder, 'RemoveMember');
    const [seat] = await intendClosing(world.deps, async () => [await found(founder, memberId)], ctx);
    if (!seat) throw new Error('no intent');
    await closeSeat(world.deps, seat, founder.memberId, ctx);
    expect(world.role.admins.get(memberId)?.open).toBe(false);
    await world.relay(0);
    expect(world.role.admins.get(memberId)?.open).toBe(false);
    await world.relay(31_000);
    expect(world.role.admins.get(memberId)?.open).toBe(true);
    expect((await world.outbox()).filter(({ kind }) => kind === 'seat-closing')).toEqual([]);
  });

  test('a seat that is opened again under a removal makes it start over: none is removed with an open seat', async () => {
    const founder = await newOrganization(world);
    const { memberId, organizationId } = await newMember(founder, ADMIN_ROLE);
    let stolen = false;
    world.role.before = async (call) => {
      // Between the seat and the tombstone: the relay takes an older intent back.
      if (call !== `close ${memberId}` || stolen) return;
      stolen = true;
      await takeBackClosing(world.deps, { organizationId, memberId, closing: 'older' }, context('relay'));
    };
    await remove(founder, memberId);
    expect(world.role.calls.filter((call) => call === `close ${memberId}`)).toHaveLength(2);
    expect(world.role.admins.get(memberId)?.open).toBe(false);
  });

  test('while a seat is being opened again no removal begins', async () => {
    const founder = await newOrganization(world);
    const { memberId, organizationId } = await newMember(founder, ADMIN_ROLE);
    world.role.before = (call) => (call.startsWith('reopen') ? Promise.reject(away()) : Promise.resolve());
    const seat = { organizationId, memberId, closing: 'older' };
    await expect(takeBackClosing(world.deps, seat, context('relay'))).rejects.toMatchObject({ reason: 'AWAY' });
    await expect(remove(founder, memberId)).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'SEAT_BUSY' });
    world.role.before = () => Promise.resolve();
    await takeBackClosing(world.deps, seat, context('relay'));
    await remove(founder, memberId);
  });

  test('an intent whose member was removed after all opens nothing', async () => {
    const founder = await newOrganization(world);
    const { memberId, organizationId } = await newMember(founder, ADMIN_ROLE);
    await remove(founder, memberId);
    await takeBackClosing(world.deps, { organizationId, memberId, closing: 'late' }, context('relay'));
    expect(world.role.calls).not.toContain(`reopen ${memberId}`);
  });
});

describe('DeleteUser', () => {
  const end = (userId: string, more: { requestId?: string; requestDigest?: string } = {}) =>
    deleteUser(world.deps)({ userId, requestId: more.requestId ?? '' }, context('DeleteUser', more));

  test('every membership goes, one deletion each, and the address is kept nowhere', async () => {
    const [a, b] = [await newOrganization(world), await newOrganization(world)];
    const email = `${newId('user')}@example.com`;
    const made = await createUser(world.deps)(
      { email, displayName: 'Ada', requestId: 'ada' },
      context('CreateUser', { requestId: 'ada', requestDigest: 'ada' }),
    );
    const userId = made.user?.id ?? '';
    for (const by of [a, b]) {
      const request = {
        organizationId: by.organizationId,
        userId,
        organizationRoleId: '',
        workspaceRoles: [],
        requestId: '',
      };
      await addMember(world.deps)(request, asMember(by, 'AddMember'));
    }
    const same = { requestId: 'end-1', requestDigest: 'same' };
    const { deletionIds } = await end(userId, same);
    expect(deletionIds).toHaveLength(2);
    expect(await end(userId, same)).toEqual({ deletionIds });
    expect(await world.deps.members.listLive(userId)).toEqual([]);
    const stored = await readAllDocuments(world.uri);
    expect(stored.filter((document) => JSON.stringify(document).includes(email))).toEqual([]);
    await createUser(world.deps)({ email, displayName: 'Ada', requestId: '' }, context('CreateUser'));
  });

  test('as the last admin anywhere, nothing is changed, and the seats that were closed before are open again', async () => {
    const first = await newOrganization(world);
    const person = await newMember(first, ADMIN_ROLE);
    const { organizationId } = await newOrganization(world);
    // Move the second organization's only seat to the person: it is the last admin there.
    const memberId = newId('mem');
    world.role.admins.forEach((seat, id) => seat.organizationId === organizationId && world.role.admins.delete(id));
    await world.deps.mutations.run(
      context('Test'),
      { encode: () => ({ finish: () => Buffer.alloc(0) }), decode: () => 0 },
      async (tx) => {
        const row = { state: 'ACTIVE', createTime: tx.now, seatEpoch: 0, reopening: [] } as const;
        await world.deps.members.insert(
          { ...row, reopening: [], _id: memberId, organizationId, userId: person.userId },
          tx.session,
        );
        return tx.underway(0);
      },
    );
    world.role.admins.set(memberId, { organizationId, open: true });

    const before = await world.outbox();
    await expect(end(person.userId)).rejects.toMatchObject({
      reason: 'LAST_ADMIN',
      metadata: { organization_id: organizationId },
    });
    expect(world.role.admins.get(person.memberId)?.open).toBe(true);
    expect((await world.deps.users.find(person.userId))?.state).toBe('ACTIVE');
    expect(await world.deps.members.listLive(person.userId)).toHaveLength(2);
    expect(await world.outbox()).toEqual(before);
  });
});

async function found({ organizationId }: Person, memberId: string) {
  const member = await world.deps.members.find(organizationId, memberId);
  if (!member) throw new Error('no such member');
  return member;
}
