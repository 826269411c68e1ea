import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import { typeid } from 'typeid-js';
import { refusal, World } from './world';

let world: World;
let key: ReturnType<World['as']>;
const { ORGANIZATION_USER, WORKSPACE_ADMIN, WORKSPACE_EDITOR, WORKSPACE_VIEWER } = BUILT_IN_ROLE_IDS;

beforeAll(async () => {
  world = await World.start();
  key = world.as('key');
});
afterAll(() => world.stop());

const newId = (prefix: string): string => typeid(prefix).toString();

/** A service account that is Admin of two workspaces, with people of different power over them. */
async function setUp() {
  const { organizationId, workspaceId, admin } = await world.newOrganization();
  const second = world.newWorkspace(organizationId);
  const principalId = newId('svc');
  const inBoth = (roleId: string) => [workspaceId, second].map((id) => ({ workspaceId: id, roleId }));
  await key.bindings.bindPrincipal({
    organizationId,
    principalId,
    grantedBy: admin.memberId,
    workspaceRoles: inBoth(WORKSPACE_ADMIN),
  });
  const with_ = async (workspaceRoles: roleV1.WorkspaceRole[]) =>
    (await world.join(organizationId, admin, { workspaceRoles })).memberId;
  return {
    organizationId,
    principalId,
    inBoth,
    admin: admin.memberId,
    adminOfBoth: await with_(inBoth(WORKSPACE_ADMIN)),
    adminOfOne: await with_([{ workspaceId, roleId: WORKSPACE_ADMIN }]),
    editor: await with_(inBoth(WORKSPACE_EDITOR)),
    rebind: (
      change: number,
      roleId: string,
      grantedBy: string,
      more: Partial<roleV1.RebindServiceAccountRequest> = {},
    ) => key.bindings.rebindServiceAccount({ organizationId, principalId, change, roleId, grantedBy, ...more }),
    check: (grantedBy: string, more: Partial<roleV1.CheckServiceAccountGrantRequest> = {}) =>
      key.bindings.checkServiceAccountGrant({ organizationId, principalId, grantedBy, ...more }),
    roles: async () => (await key.facts.getBindingFact({ principalId })).binding?.workspaceRoles,
  };
}

test('overtaken-change-of-a-role-changes-nothing: what a later one has narrowed stays narrow', async () => {
  const at = await setUp();
  await at.rebind(3, WORKSPACE_EDITOR, at.admin);
  await at.rebind(7, WORKSPACE_VIEWER, at.admin);
  expect(await refusal(at.rebind(3, WORKSPACE_EDITOR, at.admin))).toBe('ABORTED SUPERSEDED');
  expect(await at.roles()).toEqual(at.inBoth(WORKSPACE_VIEWER));
  // The last one may be repeated, also after its granter has lost the power for it.
  const repeated = await at.rebind(7, WORKSPACE_VIEWER, at.editor);
  expect(repeated.binding?.workspaceRoles).toEqual(at.inBoth(WORKSPACE_VIEWER));
});

test('nobody-disposes-of-a-service-account-that-may-more-than-they', async () => {
  const at = await setUp();
  for (const [who, reason] of [
    [at.adminOfOne, 'WORKSPACE_ADMIN_REQUIRED'],
    [at.editor, 'WORKSPACE_ADMIN_REQUIRED'],
    [newId('mem'), 'WORKSPACE_ADMIN_REQUIRED'],
  ] as const) {
    expect(await refusal(at.rebind(1, WORKSPACE_VIEWER, who))).toBe(`PERMISSION_DENIED ${reason}`);
    expect(await refusal(at.check(who))).toBe(`PERMISSION_DENIED ${reason}`);
  }
  expect(await at.roles()).toEqual(at.inBoth(WORKSPACE_ADMIN));
  await at.check(at.adminOfBoth);
  await at.rebind(1, WORKSPACE_VIEWER, at.adminOfBoth);
  expect(await at.roles()).toEqual(at.inBoth(WORKSPACE_VIEWER));
});

test('a service account of another organization, and one that is gone, cannot be rebound', async () => {
  const at = await setUp();
  const other = await setUp();
  const foreign = { organizationId: other.organizationId };
  const absent = { principalId: newId('svc') };
  for (const more of [foreign, absent]) {
    expect(await refusal(at.rebind(1, WORKSPACE_VIEWER, other.admin, more))).toBe('NOT_FOUND PRINCIPAL_NOT_FOUND');
    expect(await refusal(at.check(other.admin, more))).toBe('NOT_FOUND PRINCIPAL_NOT_FOUND');
  }
  expect(await refusal(at.rebind(1, newId('role'), at.admin))).toBe('NOT_FOUND ROLE_NOT_FOUND');
  expect(await refusal(at.rebind(1, ORGANIZATION_USER, at.admin))).toBe('INVALID_ARGUMENT INVALID_REQUEST');
  await key.bindings.removePrincipal({ organizationId: at.organizationId, principalId: at.principalId });
  expect(await refusal(at.rebind(1, WORKSPACE_VIEWER, at.admin))).toBe('FAILED_PRECONDITION PRINCIPAL_GONE');
  expect(await refusal(at.check(at.admin))).toBe('FAILED_PRECONDITION PRINCIPAL_GONE');
});

test('a role that a service account holds since a change cannot be deleted, and the one before can', async () => {
  const { organizationId, admin } = await world.newOrganization();
  const ops = world.as('ops');
  const newRole = async (name: string) => {
    const request = { organizationId, name, scope: roleV1.Scope.WORKSPACE, permissions: ['runs:read'] };
    return (await ops.roles.createRole(request, { as: admin.as })).role?.id ?? '';
  };
  const [before, after] = [await newRole('before'), await newRole('after')];
  const principalId = newId('svc');
  const workspaceRoles = [{ workspaceId: world.newWorkspace(organizationId), roleId: before }];
  const grant = { organizationId, principalId, grantedBy: admin.memberId };
  await key.bindings.bindPrincipal({ ...grant, workspaceRoles });
  await key.bindings.rebindServiceAccount({ ...grant, roleId: after, change: 1 });
  const remove = (roleId: string) => ops.roles.deleteRole({ organizationId, roleId }, { as: admin.as });
  expect(await refusal(remove(after))).toBe('FAILED_PRECONDITION ROLE_IN_USE');
  await remove(before);
});
