import { AppError } from '@latchkey/service';
import { closeSeat, intendClosing, takeBackClosing } from '../src/leaving';
import { addMember } from '../src/rpc/add-member';
import { deleteUser } from '../src/rpc/delete-user';
import { findMemberFact, getMemberFact } from '../src/rpc/facts';
import { listMembers } from '../src/rpc/list-members';
import { reinstateMember } from '../src/rpc/reinstate-member';
import { removeMember } from '../src/rpc/remove-member';
import { suspendMember } from '../src/rpc/suspend-member';
import {
  addPerson,
  ADMIN_ROLE,
  asMember,
  context,
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

interface Repeat {
  requestId?: string;
  requestDigest?: string;
}

const newMember = (by: Person, organizationRoleId = '') => addPerson(world, by, organizationRoleId);

const naming = ({ organizationId }: Person, memberId: string, { requestId = '' }: Repeat) => ({
  organizationId,
  memberId,
  requestId,
});
const suspend = (by: Person, memberId: string, more: Repeat = {}) =>
  suspendMember(world.deps)(naming(by, memberId, more), asMember(by, 'SuspendMember', more));
const reinstate = (by: Person, memberId: string, more: Repeat = {}) =>
  reinstateMember(world.deps)(naming(by, memberId, more), asMember(by, 'ReinstateMember', more));
const remove = (by: Person, memberId: string) =>
  removeMember(world.deps)(naming(by, memberId, {}), asMember(by, 'RemoveMember'));

const isOpen = (memberId: string) => world.role.admins.get(memberId)?.open;
const stateOf = async ({ organizationId, memberId }: Person) =>
  (await world.deps.members.find(organizationId, memberId))?.state;
const intents = async () => (await world.outbox()).filter(({ kind }) => kind === 'seat-closing');
const away = () => new AppError({ code: 'UNAVAILABLE', reason: 'AWAY', message: 'away' });

/** A suspended Admin beside the founder. */
async function suspendedAdmin() {
  const founder = await newOrganization(world);
  const person = await newMember(founder, ADMIN_ROLE);
  await suspend(founder, person.memberId);
  return { founder, person };
}

describe('SuspendMember', () => {
  test('when it returns the fact says SUSPENDED and the seat is closed; nothing is left to be taken back', async () => {
    const { person } = await suspendedAdmin();
    const { organizationId, userId, memberId } = person;
    expect((await getMemberFact(world.deps)({ memberId })).fact?.liveness).toBe('MEMBER_LIVENESS_SUSPENDED');
    expect((await findMemberFact(world.deps)({ organizationId, userId })).fact?.memberId).toBe(memberId);
    expect(isOpen(memberId)).toBe(false);
    expect(await intents()).toEqual([]);
  });

  test('of a suspended member changes nothing; one who is joining, gone or somebody else’s is refused', async () => {
    const { founder, person } = await suspendedAdmin();
    expect((await suspend(founder, person.memberId)).member?.state).toBe('MEMBER_STATE_SUSPENDED');
    await remove(founder, person.memberId);
    const stranger = await newOrganization(world);
    for (const memberId of [person.memberId, stranger.memberId]) {
      await expect(suspend(founder, memberId)).rejects.toMatchObject({ reason: 'MEMBER_NOT_FOUND' });
      await expect(reinstate(founder, memberId)).rejects.toMatchObject({ reason: 'MEMBER_NOT_FOUND' });
    }
    world.role.before = (call) => (call.startsWith('bind') ? Promise.reject(away()) : Promise.resolve());
    await expect(newMember(founder)).rejects.toMatchObject({ reason: 'AWAY' });
    const { members } = await listMembers(world.deps)({
      organizationId: founder.organizationId,
      pageSize: 0,
      pageToken: '',
    });
    const joining = members.find(({ state }) => state === 'MEMBER_STATE_JOINING')?.id ?? '';
    await expect(suspend(founder, joining)).rejects.toMatchObject({ reason: 'MEMBER_JOINING' });
    await expect(reinstate(founder, joining)).rejects.toMatchObject({ reason: 'MEMBER_JOINING' });
  });

  test('last-admin-cannot-be-suspended, nor do two who suspend each other leave none', async () => {
    const founder = await newOrganization(world);
    await expect(suspend(founder, founder.memberId)).rejects.toMatchObject({ reason: 'LAST_ADMIN' });
    expect(await intents()).toEqual([]);
    for (let round = 0; round < 5; round++) {
      const a = await newOrganization(world);
      const b = await newMember(a, ADMIN_ROLE);
      await Promise.allSettled([suspend(a, b.memberId), suspend(b, a.memberId)]);
      expect((await Promise.all([a, b].map(stateOf))).filter((state) => state === 'ACTIVE')).toHaveLength(1);
    }
  });

  test('that died with the seat closed is taken back: the member is active, and its seat is open', async () => {
    const founder = await newOrganization(world);
    const person = await newMember(founder, ADMIN_ROLE);
    const ctx = asMember(founder, 'SuspendMember');
    const [seat] = await intendClosing(world.deps, async () => [await found(person)], ctx);
    if (!seat) throw new Error('no intent');
    await closeSeat(world.deps, seat, founder.memberId, ctx);
    expect(isOpen(person.memberId)).toBe(false);
    await world.relay(31_000);
    expect([await stateOf(person), isOpen(person.memberId)]).toEqual(['ACTIVE', true]);
  });

  test('keeps the seat closed, whatever older intents are taken back', async () => {
    const { person } = await suspendedAdmin();
    const { organizationId, memberId } = person;
    expect(await takeBackClosing(world.deps, { organizationId, memberId, closing: 'older' }, context('relay'))).toBe(
      true,
    );
    expect([await stateOf(person), isOpen(memberId)]).toEqual(['SUSPENDED', false]);
  });

  test('starts over when the seat is opened under it: nobody is suspended with an open seat', async () => {
    const founder = await newOrganization(world);
    const { organizationId, memberId } = await newMember(founder, ADMIN_ROLE);
    let stolen = false;
    world.role.before = async (call) => {
      if (call !== `close ${memberId}` || stolen) return;
      stolen = true;
      await takeBackClosing(world.deps, { organizationId, memberId, closing: 'older' }, context('relay'));
    };
    await suspend(founder, memberId);
    expect(world.role.calls.filter((call) => call === `close ${memberId}`)).toHaveLength(2);
    expect(isOpen(memberId)).toBe(false);
  });
});

describe('a suspended member', () => {
  test('is still one: adding it again is refused, and it is listed', async () => {
    const { founder, person } = await suspendedAdmin();
    const { organizationId, userId } = person;
    const request = { organizationId, userId, organizationRoleId: '', workspaceRoles: [], requestId: '' };
    const again = addMember(world.deps)(request, asMember(founder, 'AddMember'));
    await expect(again).rejects.toMatchObject({ code: 'ALREADY_EXISTS', reason: 'MEMBER_EXISTS' });
    const { members } = await listMembers(world.deps)({ organizationId, pageSize: 0, pageToken: '' });
    expect(members.map(({ state }) => state)).toEqual(['MEMBER_STATE_ACTIVE', 'MEMBER_STATE_SUSPENDED']);
  });

  test('can be removed, and goes with its account', async () => {
    const first = await suspendedAdmin();
    await remove(first.founder, first.person.memberId);
    const second = await suspendedAdmin();
    await deleteUser(world.deps)({ userId: second.person.userId, requestId: '' }, context('DeleteUser'));
    expect(await Promise.all([first.person, second.person].map(stateOf))).toEqual(['REMOVED', 'REMOVED']);
  });

  test('keeps its seat closed when its removal dies', async () => {
    const { founder, person } = await suspendedAdmin();
    const ctx = asMember(founder, 'RemoveMember');
    const [seat] = await intendClosing(world.deps, async () => [await found(person)], ctx);
    if (!seat) throw new Error('no intent');
    await closeSeat(world.deps, seat, founder.memberId, ctx);
    await world.relay(31_000);
    expect([await stateOf(person), isOpen(person.memberId)]).toEqual(['SUSPENDED', false]);
    expect(await intents()).toEqual([]);
  });
});

describe('ReinstateMember', () => {
  test('opens the seat last, and asks first whether the actor may', async () => {
    const { founder, person } = await suspendedAdmin();
    const seen: unknown[] = [];
    world.role.before = async (call) => void seen.push([call.split(' ')[0], await stateOf(person)]);
    expect((await reinstate(founder, person.memberId)).member?.state).toBe('MEMBER_STATE_ACTIVE');
    expect(seen).toEqual([
      ['close', 'SUSPENDED'],
      ['reopen', 'ACTIVE'],
    ]);
    expect([isOpen(person.memberId), await intents()]).toEqual([true, []]);
    expect((await reinstate(founder, person.memberId)).member?.state).toBe('MEMBER_STATE_ACTIVE');
  });

  test('that role refuses changes nothing', async () => {
    const { founder, person } = await suspendedAdmin();
    const refused = new AppError({ code: 'PERMISSION_DENIED', reason: 'ADMIN_REQUIRED', message: 'no' });
    world.role.before = (call) => (call.startsWith('close') ? Promise.reject(refused) : Promise.resolve());
    await expect(reinstate(founder, person.memberId)).rejects.toMatchObject({ reason: 'ADMIN_REQUIRED' });
    expect([await stateOf(person), isOpen(person.memberId), await intents()]).toEqual(['SUSPENDED', false, []]);
  });

  test.each(['the relay', 'a repeat'])('that died before the seat was opened is finished by %s', async (by) => {
    const { founder, person } = await suspendedAdmin();
    const same = { requestId: `reinstate-${by.length}`, requestDigest: by };
    world.role.before = (call) => (call.startsWith('reopen') ? Promise.reject(away()) : Promise.resolve());
    await expect(reinstate(founder, person.memberId, same)).rejects.toMatchObject({ reason: 'AWAY' });
    expect([await stateOf(person), isOpen(person.memberId)]).toEqual(['ACTIVE', false]);
    // Until then nobody closes the seat anew: a late reopening could open it under them.
    await expect(suspend(founder, person.memberId)).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'SEAT_BUSY' });
    world.role.before = () => Promise.resolve();
    if (by === 'a repeat') await reinstate(founder, person.memberId, same);
    else await world.relay(31_000);
    expect([isOpen(person.memberId), await intents()]).toEqual([true, []]);
    await suspend(founder, person.memberId);
  });
});

test('two reopenings of one intent at once: the seat is closed anew only when neither can open it any more', async () => {
  const founder = await newOrganization(world);
  const person = await newMember(founder, ADMIN_ROLE);
  const { organizationId, memberId } = person;
  const closing = { organizationId, memberId, closing: 'twice' };
  let proceed = (): void => undefined;
  const held = new Promise<void>((resolve) => (proceed = resolve));
  let count = 0;
  const quick: Promise<boolean>[] = [];
  world.role.before = async (call) => {
    if (!call.startsWith('reopen')) return;
    count += 1;
    // The first waits until the second has begun; the second answers only when it is told to.
    if (count === 1) {
      quick.push(takeBackClosing(world.deps, closing, context('relay')));
      while (count < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    } else await held;
  };
  expect(await takeBackClosing(world.deps, closing, context('relay'))).toBe(false);
  await expect(suspend(founder, memberId)).rejects.toMatchObject({ reason: 'SEAT_BUSY' });
  proceed();
  expect(await Promise.all(quick)).toEqual([true]);
  await suspend(founder, memberId);
  expect(isOpen(memberId)).toBe(false);
});

async function found({ organizationId, memberId }: Person) {
  const member = await world.deps.members.find(organizationId, memberId);
  if (!member) throw new Error('no such member');
  return member;
}
