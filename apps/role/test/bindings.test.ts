import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { describeRules } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { roleServices } from '../src/app';
import { type Deps } from '../src/deps';
import { type Person, refusal, World } from './world';

let world: World;
let ops: ReturnType<World['as']>;
let identity: ReturnType<World['as']>;

const {
  ORGANIZATION_ADMIN: ADMIN,
  ORGANIZATION_OPERATOR: OPERATOR,
  ORGANIZATION_USER: USER,
  WORKSPACE_ADMIN,
  WORKSPACE_EDITOR,
  WORKSPACE_VIEWER,
} = BUILT_IN_ROLE_IDS;

beforeAll(async () => {
  world = await World.start();
  ops = world.as('ops');
  identity = world.as('identity');
});
afterEach(() => {
  world.onMemberFact = () => undefined;
  world.onWorkspaceFact = () => undefined;
});
afterAll(() => world.stop());

const newId = (prefix: string): string => typeid(prefix).toString();

async function bindingOf(principalId: string): Promise<roleV1.Binding | undefined> {
  return (await world.as('key').facts.getBindingFact({ principalId })).binding;
}

function setRole(organizationId: string, target: Person, roleId: string, actor: Person) {
  return ops.bindings.setOrganizationRole({ organizationId, memberId: target.memberId, roleId }, { as: actor.as });
}

/** How many of these are organization Admins now. */
async function adminsAmong(people: Person[]): Promise<Person[]> {
  const bindings = await Promise.all(people.map(({ memberId }) => bindingOf(memberId)));
  return people.filter((_, i) => bindings[i]?.organizationRoleId === ADMIN);
}

describe('BindPrincipal', () => {
  it('makes the first member of an organization its Admin, and nobody after it', async () => {
    const { organizationId, admin } = await world.newOrganization();
    expect(await bindingOf(admin.memberId)).toMatchObject({ organizationRoleId: ADMIN, etag: '1' });
    const again = await identity.bindings.bindPrincipal({ organizationId, principalId: admin.memberId });
    expect(again.binding).toEqual(await bindingOf(admin.memberId));
    const second = identity.bindings.bindPrincipal({ organizationId, principalId: newId('mem') });
    expect(await refusal(second)).toBe('FAILED_PRECONDITION FOUNDER_EXISTS');
    const account = identity.bindings.bindPrincipal({ organizationId: newId('org'), principalId: newId('svc') });
    expect(await refusal(account)).toBe('INVALID_ARGUMENT INVALID_REQUEST');
  });

  it('gives a member the role User where none is named, and at most what the granter holds', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const operator = await world.join(organizationId, admin, { organizationRoleId: OPERATOR });
    const member = await world.join(organizationId, operator);
    expect(await bindingOf(member.memberId)).toMatchObject({ organizationRoleId: USER, workspaceRoles: [] });
    for (const [granter, roles] of [
      [operator, { organizationRoleId: ADMIN }],
      [operator, { workspaceRoles: [{ workspaceId, roleId: WORKSPACE_VIEWER }] }],
      [member, { organizationRoleId: OPERATOR }],
      [world.newPerson(organizationId), {}],
    ] as const) {
      expect(await refusal(world.join(organizationId, granter, roles))).toBe('PERMISSION_DENIED GRANT_EXCEEDS_OWN');
    }
    const promoted = await world.join(organizationId, admin, { organizationRoleId: ADMIN });
    await setRole(organizationId, admin, USER, promoted);
  });

  it('takes a granter of this very organization', async () => {
    const mine = await world.newOrganization();
    const theirs = await world.newOrganization();
    const call = world.join(mine.organizationId, theirs.admin);
    expect(await refusal(call)).toBe('PERMISSION_DENIED GRANT_EXCEEDS_OWN');
  });

  it('leaves a first binding as it is, also when two bind at the same moment', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const principalId = newId('mem');
    const grant = { organizationId, principalId, grantedBy: admin.memberId };
    const workspaceRoles = [{ workspaceId, roleId: WORKSPACE_VIEWER }];
    const answers = await Promise.all(
      [1, 2, 3].map(() => identity.bindings.bindPrincipal({ ...grant, workspaceRoles })),
    );
    const later = await identity.bindings.bindPrincipal({ ...grant, organizationRoleId: ADMIN });
    for (const { binding } of [...answers, later]) expect(binding).toEqual(await bindingOf(principalId));
  });

  it('binds a service account where the granter is Workspace Admin, with no more than the granter holds', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const other = world.newWorkspace(organizationId);
    const inFirst = (roleId: string) => ({ workspaceRoles: [{ workspaceId, roleId }] });
    const workspaceAdmin = await world.join(organizationId, admin, inFirst(WORKSPACE_ADMIN));
    const editor = await world.join(organizationId, admin, inFirst(WORKSPACE_EDITOR));
    const bind = (grantedBy: Person, workspaces: string[], more: Partial<roleV1.BindPrincipalRequest> = {}) =>
      world.as('key').bindings.bindPrincipal({
        organizationId,
        principalId: newId('svc'),
        grantedBy: grantedBy.memberId,
        workspaceRoles: workspaces.map((id) => ({ workspaceId: id, roleId: WORKSPACE_ADMIN })),
        ...more,
      });
    expect((await bind(workspaceAdmin, [workspaceId])).binding).toMatchObject({ organizationRoleId: '' });
    await bind(admin, [workspaceId, other]);
    await expect(bind(workspaceAdmin, [workspaceId, other])).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'WORKSPACE_ADMIN_REQUIRED',
      metadata: { workspace_id: other },
    });
    expect(await refusal(bind(editor, [workspaceId]))).toBe('PERMISSION_DENIED WORKSPACE_ADMIN_REQUIRED');
    const withRole = bind(admin, [workspaceId], { organizationRoleId: USER });
    expect(await refusal(withRole)).toBe('INVALID_ARGUMENT INVALID_REQUEST');
  });

  it('binds a service account for whoever holds as much, where the organization delegates service keys', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const editor = await world.join(organizationId, admin, {
      workspaceRoles: [{ workspaceId, roleId: WORKSPACE_EDITOR }],
    });
    const bind = (roleId: string) =>
      world.as('key').bindings.bindPrincipal({
        organizationId,
        principalId: newId('svc'),
        grantedBy: editor.memberId,
        workspaceRoles: [{ workspaceId, roleId }],
      });
    expect(await refusal(bind(WORKSPACE_EDITOR))).toBe('PERMISSION_DENIED WORKSPACE_ADMIN_REQUIRED');
    world.delegating.add(organizationId);
    await bind(WORKSPACE_EDITOR);
    await bind(WORKSPACE_VIEWER);
    expect(await refusal(bind(WORKSPACE_ADMIN))).toBe('PERMISSION_DENIED GRANT_EXCEEDS_OWN');
  });

  it('refuses when a workspace was deleted meanwhile, so that whoever makes the principal takes it back', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const principalId = newId('mem');
    let asked = 0;
    world.onWorkspaceFact = (id) => {
      asked += 1;
      // Alive when it is asked for the first time; its removal has swept before the binding is committed.
      if (asked === 2) world.workspaces.set(id, { organizationId, active: false });
    };
    const call = identity.bindings.bindPrincipal({
      organizationId,
      principalId,
      grantedBy: admin.memberId,
      workspaceRoles: [{ workspaceId, roleId: WORKSPACE_VIEWER }],
    });
    expect(await refusal(call)).toBe('NOT_FOUND WORKSPACE_NOT_FOUND');
    expect(asked).toBe(2);
  });

  it('names workspaces and roles that are not there, or not for there', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const theirs = await world.newOrganization();
    const dead = world.newWorkspace(organizationId);
    world.workspaces.set(dead, { organizationId, active: false });
    const join = (workspaceRoles: roleV1.WorkspaceRole[], organizationRoleId = '') =>
      refusal(world.join(organizationId, admin, { workspaceRoles, organizationRoleId }));
    const viewer = (id: string) => ({ workspaceId: id, roleId: WORKSPACE_VIEWER });
    for (const id of [dead, theirs.workspaceId, newId('ws')]) {
      expect(await join([viewer(id)])).toBe('NOT_FOUND WORKSPACE_NOT_FOUND');
    }
    expect(await join([{ workspaceId, roleId: newId('role') }])).toBe('NOT_FOUND ROLE_NOT_FOUND');
    expect(await join([], newId('role'))).toBe('NOT_FOUND ROLE_NOT_FOUND');
    expect(await join([{ workspaceId, roleId: USER }])).toBe('INVALID_ARGUMENT INVALID_REQUEST');
    expect(await join([], WORKSPACE_ADMIN)).toBe('INVALID_ARGUMENT INVALID_REQUEST');
    expect(await join([viewer(workspaceId), viewer(workspaceId)])).toBe('INVALID_ARGUMENT INVALID_REQUEST');
  });
});

describe('SetOrganizationRole', () => {
  it('keeps operators away from Admins and from what they do not hold', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const operator = await world.join(organizationId, admin, { organizationRoleId: OPERATOR });
    const user = await world.join(organizationId, admin);
    expect(await refusal(setRole(organizationId, admin, USER, operator))).toBe('PERMISSION_DENIED ADMIN_REQUIRED');
    expect(await refusal(setRole(organizationId, user, ADMIN, operator))).toBe('PERMISSION_DENIED GRANT_EXCEEDS_OWN');
    expect(await refusal(setRole(organizationId, operator, ADMIN, operator))).toBe(
      'PERMISSION_DENIED GRANT_EXCEEDS_OWN',
    );
    expect(await refusal(setRole(organizationId, user, OPERATOR, user))).toBe('PERMISSION_DENIED PERMISSION_MISSING');
    expect((await setRole(organizationId, user, OPERATOR, operator)).binding?.organizationRoleId).toBe(OPERATOR);
  });

  it('takes to be Admin, not to hold as much, for making one', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const names: string[] = [];
    for (let pageToken: string | undefined = ''; pageToken !== undefined;) {
      const page: roleV1.ListPermissionsResponse = await ops.permissions.listPermissions(
        { organizationId, pageSize: 200, pageToken },
        { as: admin.as },
      );
      names.push(...page.permissions.map(({ name }) => name));
      pageToken = page.nextPageToken || undefined;
    }
    const everything = { organizationId, scope: roleV1.Scope.ORGANIZATION, name: 'everything', permissions: names };
    const { role } = await ops.roles.createRole(everything, { as: admin.as });
    const like = await world.join(organizationId, admin, { organizationRoleId: role?.id });
    expect(await refusal(setRole(organizationId, like, ADMIN, like))).toBe('PERMISSION_DENIED ADMIN_REQUIRED');
    expect(await refusal(setRole(organizationId, admin, USER, like))).toBe('PERMISSION_DENIED ADMIN_REQUIRED');
    const bound = world.join(organizationId, like, { organizationRoleId: ADMIN });
    expect(await refusal(bound)).toBe('PERMISSION_DENIED ADMIN_REQUIRED');
  });

  it('leaves the last Admin in place, and takes fresh etags', async () => {
    const { organizationId, admin } = await world.newOrganization();
    expect(await refusal(setRole(organizationId, admin, USER, admin))).toBe('FAILED_PRECONDITION LAST_ADMIN');
    const second = await world.join(organizationId, admin);
    await setRole(organizationId, second, ADMIN, admin);
    const stale = { organizationId, memberId: second.memberId, roleId: USER, etag: '1' };
    expect(await refusal(ops.bindings.setOrganizationRole(stale, { as: admin.as }))).toBe('ABORTED STALE_ETAG');
    await setRole(organizationId, admin, USER, admin);
    expect(await adminsAmong([admin, second])).toEqual([second]);
  });

  it('finds members of this organization only', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const theirs = await world.newOrganization();
    for (const stranger of [theirs.admin, world.newPerson(organizationId)]) {
      expect(await refusal(setRole(organizationId, stranger, USER, admin))).toBe('NOT_FOUND PRINCIPAL_NOT_FOUND');
    }
    expect(await refusal(setRole(theirs.organizationId, theirs.admin, USER, admin))).toBe(
      'NOT_FOUND ORGANIZATION_NOT_FOUND',
    );
  });
});

describe('an organization keeps an Admin', () => {
  it('when two demote each other at the same moment', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { organizationId, admin } = await world.newOrganization();
      const second = await world.join(organizationId, admin, { organizationRoleId: ADMIN });
      await Promise.allSettled([
        setRole(organizationId, second, USER, admin),
        setRole(organizationId, admin, USER, second),
      ]);
      expect(await adminsAmong([admin, second])).toHaveLength(1);
    }
  });

  it('when two remove each other at the same moment', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { organizationId, admin } = await world.newOrganization();
      const second = await world.join(organizationId, admin, { organizationRoleId: ADMIN });
      const remove = async (target: Person, acting: Person) => {
        const { memberId } = target;
        await identity.bindings.closeSeat({ organizationId, memberId, actingPrincipalId: acting.memberId });
        await identity.bindings.removePrincipal({ organizationId, principalId: memberId });
      };
      const outcomes = await Promise.allSettled([remove(second, admin), remove(admin, second)]);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await adminsAmong([admin, second])).toHaveLength(1);
    }
  });

  it('whatever several do to each other at once', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const people = [admin];
    while (people.length < 4) people.push(await world.join(organizationId, admin, { organizationRoleId: ADMIN }));
    // Not random numbers of the machine: a failure must come back with the same steps.
    let seed = 1;
    const next = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const any = (): Person => people[next(people.length)]!;
    for (let round = 0; round < 8; round += 1) {
      const steps = [1, 2, 3, 4].map(() => {
        const [target, acting] = [any(), any()];
        const seat = { organizationId, memberId: target.memberId };
        switch (next(4)) {
          case 0:
            return setRole(organizationId, target, ADMIN, acting);
          case 1:
            return identity.bindings.closeSeat({ ...seat, actingPrincipalId: acting.memberId });
          case 2:
            return identity.bindings.reopenSeat(seat);
          default:
            return setRole(organizationId, target, USER, acting);
        }
      });
      await Promise.allSettled(steps);
      const admins = await adminsAmong(people);
      expect(admins.length).toBeGreaterThan(0);
      // One of them is open: closing all the others and then it, in any order, ends with a refusal.
      const closed = await Promise.allSettled(
        admins.map(({ memberId }) => identity.bindings.closeSeat({ organizationId, memberId })),
      );
      expect(closed.filter(({ status }) => status === 'rejected')).toHaveLength(1);
      for (const { memberId } of people) await identity.bindings.reopenSeat({ organizationId, memberId });
    }
  });

  it('by closing seats: idempotent, only by Admins, and nobody is promoted while being removed', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const operator = await world.join(organizationId, admin, { organizationRoleId: OPERATOR });
    const second = await world.join(organizationId, admin, { organizationRoleId: ADMIN });
    const close = (target: Person, acting?: Person) =>
      identity.bindings.closeSeat({
        organizationId,
        memberId: target.memberId,
        actingPrincipalId: acting?.memberId ?? '',
      });
    expect(await close(operator, admin)).toEqual({ heldSeat: false });
    expect(await refusal(setRole(organizationId, operator, ADMIN, admin))).toBe('FAILED_PRECONDITION SEAT_CLOSED');
    await identity.bindings.reopenSeat({ organizationId, memberId: operator.memberId });
    expect(await refusal(close(second, operator))).toBe('PERMISSION_DENIED ADMIN_REQUIRED');
    for (let i = 0; i < 2; i += 1) expect(await close(second, admin)).toEqual({ heldSeat: true });
    expect(await refusal(close(admin))).toBe('FAILED_PRECONDITION LAST_ADMIN');
    expect(await refusal(setRole(organizationId, admin, USER, admin))).toBe('FAILED_PRECONDITION LAST_ADMIN');
    for (let i = 0; i < 2; i += 1) await identity.bindings.reopenSeat({ organizationId, memberId: second.memberId });
    expect(await close(admin)).toEqual({ heldSeat: true });
  });
});

describe('members of a workspace', () => {
  it('are added, changed and taken away by its Admin, and only as far as the actor holds as much', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const { role: manager } = await ops.roles.createRole(
      {
        organizationId,
        scope: roleV1.Scope.WORKSPACE,
        name: 'manager',
        permissions: ['workspaces:manage-members', 'runs:read'],
      },
      { as: admin.as },
    );
    const { role: reader } = await ops.roles.createRole(
      { organizationId, scope: roleV1.Scope.WORKSPACE, name: 'reader', permissions: ['runs:read'] },
      { as: admin.as },
    );
    const roleIds = { manager: manager?.id ?? '', reader: reader?.id ?? '' };
    const acting = await world.join(organizationId, admin, {
      workspaceRoles: [{ workspaceId, roleId: roleIds.manager }],
    });
    const { memberId } = await world.join(organizationId, admin);
    const target = { organizationId, workspaceId, memberId };
    const by = (person: Person) => ({ as: person.as });

    const added = ops.bindings.addWorkspaceMember({ ...target, roleId: WORKSPACE_VIEWER }, by(acting));
    expect(await refusal(added)).toBe('PERMISSION_DENIED GRANT_EXCEEDS_OWN');
    await ops.bindings.addWorkspaceMember({ ...target, roleId: roleIds.reader }, by(acting));
    const again = ops.bindings.addWorkspaceMember({ ...target, roleId: roleIds.reader }, by(acting));
    expect(await refusal(again)).toBe('ALREADY_EXISTS WORKSPACE_MEMBER_EXISTS');
    const widened = ops.bindings.setWorkspaceRole({ ...target, roleId: WORKSPACE_EDITOR }, by(acting));
    expect(await refusal(widened)).toBe('PERMISSION_DENIED GRANT_EXCEEDS_OWN');
    const { binding } = await ops.bindings.setWorkspaceRole({ ...target, roleId: WORKSPACE_EDITOR }, by(admin));
    expect(binding?.workspaceRoles).toEqual([{ workspaceId, roleId: WORKSPACE_EDITOR }]);
    for (const call of [
      () => ops.bindings.setWorkspaceRole({ ...target, roleId: roleIds.reader }, by(acting)),
      () => ops.bindings.removeWorkspaceMember(target, by(acting)),
    ]) {
      expect(await refusal(call())).toBe('PERMISSION_DENIED GRANT_EXCEEDS_OWN');
    }
    const stale = ops.bindings.setWorkspaceRole({ ...target, roleId: WORKSPACE_VIEWER, etag: '1' }, by(admin));
    expect(await refusal(stale)).toBe('ABORTED STALE_ETAG');
    await ops.bindings.removeWorkspaceMember(target, by(admin));
    for (const call of [
      () => ops.bindings.removeWorkspaceMember(target, by(admin)),
      () => ops.bindings.setWorkspaceRole({ ...target, roleId: WORKSPACE_VIEWER }, by(admin)),
    ]) {
      expect(await refusal(call())).toBe('NOT_FOUND WORKSPACE_MEMBER_NOT_FOUND');
    }
    expect((await bindingOf(memberId))?.workspaceRoles).toEqual([]);
  });

  it('do not keep a role that they were given at the moment they left, also on a repeat', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const { memberId } = await world.join(organizationId, admin);
    const member = world.members.get(memberId)!;
    let asked = 0;
    // Alive when it is checked, gone when it is read again.
    world.onMemberFact = () => void (member.active = ++asked === 1);
    const request = { organizationId, workspaceId, memberId, roleId: WORKSPACE_VIEWER, requestId: 'leaving' };
    const add = () => ops.bindings.addWorkspaceMember(request, { as: admin.as });
    expect(await refusal(add())).toBe('NOT_FOUND PRINCIPAL_NOT_FOUND');
    expect(asked).toBe(2);
    expect((await bindingOf(memberId))?.workspaceRoles).toEqual([]);
    expect(await refusal(add())).toBe('NOT_FOUND PRINCIPAL_NOT_FOUND');
    expect((await bindingOf(memberId))?.workspaceRoles).toEqual([]);
  });

  it('are of the organization, bound and alive', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const theirs = await world.newOrganization();
    const gone = await world.join(organizationId, admin);
    world.members.get(gone.memberId)!.active = false;
    for (const { memberId } of [theirs.admin, gone, world.newPerson(organizationId)]) {
      const request = { organizationId, workspaceId, memberId, roleId: WORKSPACE_VIEWER };
      const call = ops.bindings.addWorkspaceMember(request, { as: admin.as });
      expect(await refusal(call)).toBe('NOT_FOUND PRINCIPAL_NOT_FOUND');
    }
    const elsewhere = { organizationId, workspaceId: theirs.workspaceId, memberId: admin.memberId };
    const call = ops.bindings.addWorkspaceMember({ ...elsewhere, roleId: WORKSPACE_VIEWER }, { as: admin.as });
    expect(await refusal(call)).toBe('NOT_FOUND WORKSPACE_NOT_FOUND');
  });
});

describe('bindings', () => {
  it('are read one by one and listed in pages, of an organization or of one of its workspaces', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const inside: string[] = [];
    const all = [admin.memberId];
    for (let i = 0; i < 5; i += 1) {
      const workspaceRoles = i % 2 === 0 ? [{ workspaceId, roleId: WORKSPACE_VIEWER }] : [];
      const { memberId } = await world.join(organizationId, admin, { workspaceRoles });
      all.push(memberId);
      if (i % 2 === 0) inside.push(memberId);
    }
    const gone = await world.join(organizationId, admin);
    await identity.bindings.removePrincipal({ organizationId, principalId: gone.memberId });
    const list = async (filter: string): Promise<string[]> => {
      const ids: string[] = [];
      let pageToken = '';
      do {
        const request = { organizationId, workspaceId: filter, pageSize: 2, pageToken };
        const page = await ops.bindings.listBindings(request, { as: admin.as });
        ids.push(...page.bindings.map(({ principalId }) => principalId));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      return ids;
    };
    expect(await list('')).toEqual([...all].sort());
    expect(await list(workspaceId)).toEqual([...inside].sort());
    const read = (principalId: string) => ops.bindings.getBinding({ organizationId, principalId }, { as: admin.as });
    expect((await read(admin.memberId)).binding).toEqual(await bindingOf(admin.memberId));
    const theirs = await world.newOrganization();
    for (const id of [gone.memberId, theirs.admin.memberId, newId('svc')]) {
      expect(await refusal(read(id))).toBe('NOT_FOUND PRINCIPAL_NOT_FOUND');
    }
  });

  it('go with their principal, for good, with the same count for every repeat', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const workspaceRoles = [{ workspaceId, roleId: WORKSPACE_VIEWER }];
    const { memberId: principalId } = await world.join(organizationId, admin, { workspaceRoles });
    const worker = world.as('worker');
    for (let i = 0; i < 2; i += 1) {
      const answer = await worker.bindings.removePrincipal({ organizationId, principalId });
      expect(answer).toEqual({ rolesRemoved: 2 });
    }
    expect(await bindingOf(principalId)).toBeUndefined();
    const grant = { organizationId, grantedBy: admin.memberId };
    const bind = (id: string) => refusal(identity.bindings.bindPrincipal({ ...grant, principalId: id }));
    expect(await bind(principalId)).toBe('FAILED_PRECONDITION PRINCIPAL_GONE');
    const never = newId('svc');
    expect(await worker.bindings.removePrincipal({ organizationId, principalId: never })).toEqual({ rolesRemoved: 0 });
    expect(await bind(never)).toBe('FAILED_PRECONDITION PRINCIPAL_GONE');
    const theirs = await world.newOrganization();
    const foreign = worker.bindings.removePrincipal({ organizationId, principalId: theirs.admin.memberId });
    expect(await refusal(foreign)).toBe('NOT_FOUND PRINCIPAL_NOT_FOUND');
  });

  it('of a removed Admin no longer count as a seat', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const second = await world.join(organizationId, admin, { organizationRoleId: ADMIN });
    await identity.bindings.closeSeat({ organizationId, memberId: second.memberId, actingPrincipalId: admin.memberId });
    await identity.bindings.removePrincipal({ organizationId, principalId: second.memberId });
    expect(await refusal(setRole(organizationId, admin, USER, admin))).toBe('FAILED_PRECONDITION LAST_ADMIN');
  });
});

describe('who may call', () => {
  it('is said for every RPC', () => {
    const rules = describeRules(roleServices({} as Deps, ['ops'])).map(({ service, method, rule, ...row }) => {
      const what = rule === 'callerOnly' ? row.callers.join(' ') : `${row.permission} in ${row.scope.join(' ')}`;
      return `${service.split('.').at(-1)}/${method}: ${rule} ${what}`;
    });
    expect(rules).toEqual([
      'PermissionService/ListPermissions: permission organization:read in organizationId',
      'PermissionService/ApplyCatalogue: callerOnly ops',
      'RoleService/CreateRole: permission organization:manage in organizationId',
      'RoleService/GetRole: permission organization:read in organizationId',
      'RoleService/ListRoles: permission organization:read in organizationId',
      'RoleService/UpdateRole: permission organization:manage in organizationId',
      'RoleService/DeleteRole: permission organization:manage in organizationId',
      'BindingService/SetOrganizationRole: permission organization:manage-members in organizationId',
      'BindingService/AddWorkspaceMember: permission workspaces:manage-members in organizationId workspaceId',
      'BindingService/SetWorkspaceRole: permission workspaces:manage-members in organizationId workspaceId',
      'BindingService/RemoveWorkspaceMember: permission workspaces:manage-members in organizationId workspaceId',
      'BindingService/GetBinding: permission organization:read in organizationId',
      'BindingService/ListBindings: permission organization:read in organizationId',
      'BindingService/BindPrincipal: callerOnly identity key',
      'BindingService/RebindServiceAccount: callerOnly key',
      'BindingService/CheckServiceAccountGrant: callerOnly key',
      'BindingService/RemovePrincipal: callerOnly worker identity key',
      'BindingService/RemoveWorkspace: callerOnly identity worker',
      'BindingService/CloseSeat: callerOnly identity',
      'BindingService/ReopenSeat: callerOnly identity',
      'FactService/GetBindingFact: callerOnly key identity',
      'FactService/GetRoleFact: callerOnly key identity',
      'FactService/GetCatalogueFact: callerOnly key identity',
      'AuditService/ListAuditEntries: permission organization:manage in organizationId',
    ]);
  });

  it('is nobody without an actor, and no front end that was not configured', async () => {
    const { organizationId, admin } = await world.newOrganization();
    expect(await refusal(ops.roles.listRoles({ organizationId }))).toBe('UNAUTHENTICATED ACTOR_REQUIRED');
    const stranger = world.as('stranger').roles.listRoles({ organizationId }, { as: admin.as });
    expect(await refusal(stranger)).toBe('PERMISSION_DENIED CALLER_NOT_FRONT_END');
    const bind = ops.bindings.bindPrincipal({ organizationId, principalId: newId('mem') });
    expect(await refusal(bind)).toBe('PERMISSION_DENIED CALLER_NOT_ALLOWED');
  });
});

describe('RemoveWorkspace', () => {
  it('takes the roles in a deleted workspace away, batch by batch, and no others', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const other = world.newWorkspace(organizationId);
    const people: Person[] = [];
    for (let i = 0; i < 102; i++) {
      const workspaceRoles = [workspaceId, other].map((id) => ({ workspaceId: id, roleId: WORKSPACE_VIEWER }));
      people.push(await world.join(organizationId, admin, { workspaceRoles }));
    }
    const request = { organizationId, workspaceId };
    expect(await refusal(identity.bindings.removeWorkspace(request))).toBe('FAILED_PRECONDITION WORKSPACE_NOT_DELETED');
    world.workspaces.set(workspaceId, { organizationId, active: false });
    const foreign = identity.bindings.removeWorkspace({ organizationId: newId('org'), workspaceId });
    expect(await refusal(foreign)).toBe('NOT_FOUND WORKSPACE_NOT_FOUND');
    expect(await identity.bindings.removeWorkspace(request)).toEqual({ rolesRemoved: 100, more: true });
    expect(await identity.bindings.removeWorkspace(request)).toEqual({ rolesRemoved: 2, more: false });
    expect(await identity.bindings.removeWorkspace(request)).toEqual({ rolesRemoved: 0, more: false });
    for (const { memberId } of people) {
      expect((await bindingOf(memberId))?.workspaceRoles).toEqual([{ workspaceId: other, roleId: WORKSPACE_VIEWER }]);
    }
  });

  it('gives custom roles free that were held there only', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const request = { organizationId, scope: roleV1.Scope.WORKSPACE, name: 'reader', permissions: ['runs:read'] };
    const { role } = await ops.roles.createRole(request, { as: admin.as });
    const roleId = role?.id ?? '';
    await world.join(organizationId, admin, { workspaceRoles: [{ workspaceId, roleId }] });
    const end = () => ops.roles.deleteRole({ organizationId, roleId }, { as: admin.as });
    expect(await refusal(end())).toBe('FAILED_PRECONDITION ROLE_IN_USE');
    world.workspaces.set(workspaceId, { organizationId, active: false });
    await identity.bindings.removeWorkspace({ organizationId, workspaceId });
    await end();
  });
});
