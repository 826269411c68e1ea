import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { typeid } from 'typeid-js';
import { startRoleApp } from '../src/app';
import { type Person, refusal, World } from './world';

let world: World;
let ops: ReturnType<World['as']>;

const ANNOTATOR = ['annotation-queues:read', 'annotation-queues:update', 'feedback:create'];
const { ORGANIZATION, WORKSPACE } = roleV1.Scope;

beforeAll(async () => {
  world = await World.start();
  ops = world.as('ops');
});
afterAll(() => world.stop());

async function newRole(organizationId: string, as: Person['as'], more: Partial<roleV1.CreateRoleRequest> = {}) {
  const request = { organizationId, scope: WORKSPACE, name: typeid('n').toString(), permissions: ANNOTATOR, ...more };
  const { role } = await ops.roles.createRole(request, { as });
  if (!role) throw new Error('CreateRole answered without a role');
  return role;
}

describe('the catalogue of a new deployment', () => {
  it('is the bundled one, listed in pages in the order of its numbers', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const names: string[] = [];
    let pageToken = '';
    do {
      const page = await ops.permissions.listPermissions({ organizationId, pageSize: 50, pageToken }, { as: admin.as });
      expect(page.version).toBe(1);
      names.push(...page.permissions.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(names).toHaveLength(105);
    const { entries } = await world.as('key').facts.getCatalogueFact({});
    expect(entries.map(({ name, number }) => [name, number])).toEqual(names.map((name, i) => [name, i]));
    const forged = ops.permissions.listPermissions({ organizationId, pageToken: 'bjE=x' }, { as: admin.as });
    expect(await refusal(forged)).toBe('INVALID_ARGUMENT INVALID_REQUEST');
  });

  it('is left as it is by a second replica', async () => {
    const second = await startRoleApp({ ...world.config, listen: 'localhost:0' }, { log: world.log });
    await second.stop();
    expect((await world.as('key').facts.getCatalogueFact({})).version).toBe(1);
  });

  it('is changed by operators only', async () => {
    const permissions = [{ name: 'a:b', scope: WORKSPACE, description: '', builtInRoles: [] }];
    const call = world.as('identity').permissions.applyCatalogue({ permissions });
    expect(await refusal(call)).toBe('PERMISSION_DENIED CALLER_NOT_ALLOWED');
    const moved = [{ name: 'runs:read', scope: ORGANIZATION, description: '', builtInRoles: [] }];
    expect(await refusal(ops.permissions.applyCatalogue({ permissions: moved }))).toBe(
      'FAILED_PRECONDITION SCOPE_CHANGED',
    );
  });
});

describe('roles', () => {
  it('are listed in pages, the built-in ones first, and read one by one', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const first = await newRole(organizationId, admin.as);
    const second = await newRole(organizationId, admin.as, { scope: ORGANIZATION, permissions: ['organization:read'] });
    const listed: roleV1.Role[] = [];
    let pageToken = '';
    do {
      const page = await ops.roles.listRoles({ organizationId, pageSize: 4, pageToken }, { as: admin.as });
      listed.push(...page.roles);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(listed.map(({ id }) => id)).toEqual([...Object.values(BUILT_IN_ROLE_IDS), first.id, second.id]);
    for (const role of listed) {
      expect((await ops.roles.getRole({ organizationId, roleId: role.id }, { as: admin.as })).role).toEqual(role);
    }
    expect(first).toMatchObject({ organizationId, scope: WORKSPACE, permissions: ANNOTATOR, etag: '1' });
  });

  it('of another organization answer as absent ones do', async () => {
    const mine = await world.newOrganization();
    const theirs = await world.newOrganization();
    const { id: roleId } = await newRole(theirs.organizationId, theirs.admin.as);
    const { organizationId, workspaceId, admin } = mine;
    const { as } = admin;
    for (const call of [
      () => ops.roles.getRole({ organizationId, roleId }, { as }),
      () => ops.roles.updateRole({ organizationId, roleId, name: 'mine' }, { as }),
      () => ops.roles.deleteRole({ organizationId, roleId }, { as }),
      () => ops.bindings.addWorkspaceMember({ organizationId, workspaceId, memberId: admin.memberId, roleId }, { as }),
      () => ops.bindings.setOrganizationRole({ organizationId, memberId: admin.memberId, roleId }, { as }),
    ]) {
      expect(await refusal(call())).toBe('NOT_FOUND ROLE_NOT_FOUND');
    }
    const inTheirs = ops.roles.getRole({ organizationId: theirs.organizationId, roleId }, { as });
    expect(await refusal(inTheirs)).toBe('NOT_FOUND ORGANIZATION_NOT_FOUND');
  });

  it('are created with permissions of the catalogue that fit their scope, the others named by their place', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const request = { organizationId, scope: WORKSPACE, name: 'odd' };
    const permissions = ['runs:read', 'organization:read', 'no:such'];
    await expect(ops.roles.createRole({ ...request, permissions }, { as: admin.as })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [
        { field: 'permissions[1]', rule: 'catalogue.scope' },
        { field: 'permissions[2]', rule: 'catalogue' },
      ],
    });
  });

  it('have names of their own, also among the built-in ones and whatever the case', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const { as } = admin;
    const { id } = await newRole(organizationId, as, { name: 'Annotator' });
    for (const name of ['annotator', 'EDITOR', 'organization admin']) {
      const call = newRole(organizationId, as, { name });
      expect(await refusal(call)).toBe('ALREADY_EXISTS ROLE_NAME_TAKEN');
    }
    const other = await newRole(organizationId, as, { name: 'other' });
    const renamed = ops.roles.updateRole({ organizationId, roleId: other.id, name: 'ANNOTATOR' }, { as });
    expect(await refusal(renamed)).toBe('ALREADY_EXISTS ROLE_NAME_TAKEN');
    await ops.roles.deleteRole({ organizationId, roleId: id }, { as });
    await newRole(organizationId, as, { name: 'annotator' });
  });

  it('of one name are created once by two at the same moment', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const attempts = [1, 2, 3].map(() => newRole(organizationId, admin.as, { name: 'contested' }));
    const outcomes = await Promise.all(
      attempts.map((attempt) =>
        attempt.then(
          () => 'created',
          () => refusal(attempt),
        ),
      ),
    );
    expect(outcomes.sort()).toEqual(['ALREADY_EXISTS ROLE_NAME_TAKEN', 'ALREADY_EXISTS ROLE_NAME_TAKEN', 'created']);
  });

  it('change for their holders, with an etag that must be fresh', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const { as } = admin;
    const { id: roleId, etag } = await newRole(organizationId, as, { description: 'old' });
    const change = { organizationId, roleId, permissions: ['runs:read'], description: '', etag };
    const { role } = await ops.roles.updateRole(change, { as });
    expect(role).toMatchObject({ permissions: ['runs:read'], description: '', etag: '2' });
    expect(await refusal(ops.roles.updateRole(change, { as }))).toBe('ABORTED STALE_ETAG');
    expect(await refusal(ops.roles.deleteRole({ organizationId, roleId, etag }, { as }))).toBe('ABORTED STALE_ETAG');
    const { fact } = await world.as('key').facts.getRoleFact({ roleId });
    expect(fact?.permissionBits.length).toBeGreaterThan(0);
  });

  it('gain only permissions that the one who adds them holds throughout the organization', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const operator = await world.join(organizationId, admin, {
      organizationRoleId: BUILT_IN_ROLE_IDS.ORGANIZATION_OPERATOR,
    });
    const { id: roleId } = await newRole(organizationId, operator.as);
    const widened = { organizationId, roleId, permissions: [...ANNOTATOR, 'runs:delete'] };
    await expect(ops.roles.updateRole(widened, { as: operator.as })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      reason: 'GRANT_EXCEEDS_OWN',
      metadata: { permission: 'runs:delete' },
    });
    await ops.roles.updateRole({ organizationId, roleId, permissions: ANNOTATOR.slice(1) }, { as: operator.as });
    await ops.roles.updateRole(widened, { as: admin.as });
  });

  it('that are built in can be neither changed nor deleted', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const request = { organizationId, roleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER };
    // Listened to at once: a refusal that arrives before anybody listens would count as unhandled.
    const refusals = await Promise.all([
      refusal(ops.roles.updateRole({ ...request, description: 'x' }, { as: admin.as })),
      refusal(ops.roles.deleteRole(request, { as: admin.as })),
    ]);
    expect(refusals).toEqual(Array(2).fill('FAILED_PRECONDITION SYSTEM_ROLE'));
  });

  it('cannot be deleted while somebody holds them, and can afterwards', async () => {
    const { organizationId, workspaceId, admin } = await world.newOrganization();
    const { as } = admin;
    const { id: roleId } = await newRole(organizationId, as);
    const holder = await world.join(organizationId, admin, { workspaceRoles: [{ workspaceId, roleId }] });
    const gone = () => ops.roles.deleteRole({ organizationId, roleId }, { as });
    expect(await refusal(gone())).toBe('FAILED_PRECONDITION ROLE_IN_USE');
    await ops.bindings.removeWorkspaceMember({ organizationId, workspaceId, memberId: holder.memberId }, { as });
    await gone();
    expect(await refusal(gone())).toBe('NOT_FOUND ROLE_NOT_FOUND');
    expect((await world.as('key').facts.getRoleFact({ roleId })).fact).toBeUndefined();
  });

  it('are never both deleted and given at the same moment', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const { as } = admin;
    for (let round = 0; round < 5; round += 1) {
      const workspaceId = world.newWorkspace(organizationId);
      const { id: roleId } = await newRole(organizationId, as);
      const outcomes = await Promise.allSettled([
        ops.roles.deleteRole({ organizationId, roleId }, { as }),
        ops.bindings.addWorkspaceMember({ organizationId, workspaceId, memberId: admin.memberId, roleId }, { as }),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  it('change once per request_id, and the trail says who changed what', async () => {
    const { organizationId, admin } = await world.newOrganization();
    const request = { organizationId, scope: WORKSPACE, name: 'once', permissions: ANNOTATOR, requestId: 'r1' };
    const [first, second] = [
      await ops.roles.createRole(request, { as: admin.as }),
      await ops.roles.createRole(request, { as: admin.as }),
    ];
    expect(second).toEqual(first);
    expect(await refusal(newRole(organizationId, admin.as, { name: 'once' }))).toBe('ALREADY_EXISTS ROLE_NAME_TAKEN');
    const { entries } = await ops.audit.listAuditEntries({ organizationId }, { as: admin.as });
    expect(entries).toMatchObject([
      {
        action: 'latchkey.role.v1.RoleService/CreateRole',
        outcome: 'AUDIT_OUTCOME_REFUSED',
        reason: 'ROLE_NAME_TAKEN',
      },
      { objectKind: 'role', objectId: first.role?.id, actor: { principalId: admin.memberId }, caller: 'ops' },
      { objectKind: 'binding', objectId: admin.memberId, caller: 'identity' },
    ]);
  });
});
