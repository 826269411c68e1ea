import { type Values } from '../src';
import { workspaceRolesOf } from '../src/workspace-roles';
import { SharedIds } from '../src/shared-ids';

const copyOf = (text: string): string => Buffer.from(text).toString();
const values: { [K in keyof Values]?: Values[K] } = {
  key: {
    id: 'pat_1',
    kind: 'PERSONAL',
    state: 'ACTIVE',
    organizationId: 'org_1',
    principalId: 'mem_1',
    userId: 'user_1',
    hash: 'ab',
    expireTime: 5,
    narrowedTo: ['projects:read'],
  },
  sunset: 7,
  organization: { id: 'org_1', state: 'ACTIVE' },
  member: { id: 'mem_1', organizationId: 'org_1', userId: 'user_1', state: 'SUSPENDED' },
  workspace: { id: 'ws_1', organizationId: 'org_1', state: 'DELETED' },
  binding: { organizationRoleId: 'role_1', workspaceRoles: workspaceRolesOf([['ws_1', 'role_2']]) },
};

test('a-fact-that-shares-its-ids-says-the-same', () => {
  const ids = new SharedIds();
  for (const [kind, value] of Object.entries(values)) {
    const id = typeof value === 'object' && 'id' in value ? copyOf(value.id) : 'mem_1';
    for (let again = 0; again < 2; again++) expect(ids.sharing(kind as keyof Values, id, value)).toEqual(value);
  }
  const { organizationRoleId, workspaceRoles } = ids.sharing('binding', 'svc_1', {
    workspaceRoles: workspaceRolesOf([]),
  });
  expect([organizationRoleId, [...workspaceRoles]]).toEqual([undefined, []]);
});
