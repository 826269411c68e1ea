import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { roleV1 } from '@latchkey/proto';
import type { Api } from '@latchkey/testing';
import type { Narrator } from './narrator';
import { ANNOTATOR, type Person, type Tour } from './setting';

export async function foundOrganization(api: Api, tell: Narrator): Promise<Tour> {
  tell.step(1, 'An organization, two workspaces, and people with built-in roles');
  const run = randomBytes(4).toString('hex');
  const newPerson = async (name: string): Promise<Person> => {
    const { user } = await api.users.createUser({ email: `${name}.${run}@example.com`, displayName: name });
    const userId = user?.id ?? '';
    return { as: { user: userId }, userId, memberId: '', token: '', tokenId: '' };
  };
  const admin = await newPerson('ada');
  const { organization } = await tell.ask(
    'Ada, signed in and member of nothing, creates the organization "Acme"',
    api.organizations.createOrganization({ displayName: 'Acme' }, { as: admin.as }),
    (answer) => `${answer.organization?.id} is ${answer.organization?.state}; she is its Admin`,
  );
  const organizationId = organization?.id ?? '';
  admin.memberId = organization?.founderMemberId ?? '';
  const newWorkspace = async (name: string): Promise<string> => {
    const { workspace } = await tell.ask(
      `Ada creates the workspace "${name}"`,
      api.workspaces.createWorkspace({ organizationId, name }, { as: admin.as }),
      (answer) => `${answer.workspace?.id}`,
    );
    return workspace?.id ?? '';
  };
  const tour: Tour = {
    api,
    tell,
    organizationId,
    production: await newWorkspace('production'),
    staging: await newWorkspace('staging'),
    annotatorRoleId: '',
    people: { admin, viewer: admin, editor: admin, annotator: admin },
  };
  const join = async (name: string, roleId: string, role: string): Promise<Person> => {
    const person = await newPerson(name);
    await addMember(tour, person, name);
    await giveRole(tour, person, name, roleId, role);
    return person;
  };
  await giveRole(tour, admin, 'ada', BUILT_IN_ROLE_IDS.WORKSPACE_ADMIN, 'Admin');
  tour.people.viewer = await join('vera', BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER, 'Viewer');
  tour.people.editor = await join('ed', BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR, 'Editor');
  tour.people.annotator = await newPerson('anna');
  await addMember(tour, tour.people.annotator, 'anna');
  return tour;
}

export async function addMember(tour: Tour, person: Person, name: string): Promise<void> {
  const { member } = await tour.tell.ask(
    `Ada adds ${name} to the organization`,
    tour.api.members.addMember(
      { organizationId: tour.organizationId, userId: person.userId },
      { as: tour.people.admin.as },
    ),
    (answer) => `${answer.member?.id} is ${answer.member?.state}`,
  );
  person.memberId = member?.id ?? '';
}

async function giveRole(tour: Tour, person: Person, name: string, roleId: string, role: string): Promise<void> {
  await tour.tell.ask(
    `Ada makes ${name} ${role} in production`,
    tour.api.bindings.addWorkspaceMember(
      { organizationId: tour.organizationId, workspaceId: tour.production, memberId: person.memberId, roleId },
      { as: tour.people.admin.as },
    ),
    ({ binding }) =>
      `bound: ${binding?.workspaceRoles.map((held) => `${held.roleId} in ${held.workspaceId}`).join(', ')}`,
  );
}

export async function showCatalogue({ api, tell, organizationId, people }: Tour): Promise<void> {
  tell.step(2, 'The permission catalogue and the built-in roles');
  const options = { as: people.viewer.as };
  const { permissions } = await tell.ask(
    'Vera lists the permissions',
    api.permissions.listPermissions({ organizationId, pageSize: 200 }, options),
    (answer) => `${answer.permissions.length} permissions, catalogue version ${answer.version}`,
  );
  const published = publishedVocabulary();
  const names = new Set(permissions.map((permission) => permission.name));
  tell.expect(
    published.every((name) => names.has(name)),
    `all ${published.length} published permissions are there, and ${names.size - published.length} of the project's own`,
  );
  const { roles } = await tell.ask(
    'Vera lists the roles',
    api.roles.listRoles({ organizationId, pageSize: 200 }, options),
    (answer) => answer.roles.map((role) => `${role.name} (${role.scope}, ${role.permissions.length})`).join('; '),
  );
  const holds = (roleId: string, name: string): boolean =>
    roles.find((role) => role.id === roleId)?.permissions.includes(name) ?? false;
  tell.expect(
    roles.filter((role) => role.builtIn !== roleV1.BuiltInRole.UNSPECIFIED).length === 7,
    'seven are built in',
  );
  tell.expect(
    holds(BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR, 'runs:create') &&
      !holds(BUILT_IN_ROLE_IDS.WORKSPACE_EDITOR, 'workspaces:manage-members') &&
      !holds(BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER, 'runs:create'),
    'Editor is everything except workspace management, Viewer reads',
  );
}

/** The names in the file that the role service loads by default, less the project's own. */
function publishedVocabulary(): string[] {
  const lines = readFileSync(path(__dirname, '../../apps/role/catalogue.tsv'), 'utf8').split('\n');
  return lines
    .filter((line) => line && !line.startsWith('#') && !line.startsWith('permission\t'))
    .map((line) => line.split('\t')[0] ?? '')
    .filter((name) => name !== 'organization:manage-members');
}

export async function makeAnnotator(tour: Tour): Promise<void> {
  tour.tell.step(3, 'A custom role, held in production only');
  const { role } = await tour.tell.ask(
    `Ada creates the role "annotator" of ${ANNOTATOR.join(', ')}`,
    tour.api.roles.createRole(
      {
        organizationId: tour.organizationId,
        scope: roleV1.Scope.WORKSPACE,
        name: 'annotator',
        permissions: ANNOTATOR,
      },
      { as: tour.people.admin.as },
    ),
    (answer) => `${answer.role?.id} holds ${answer.role?.permissions.length} permissions`,
  );
  tour.annotatorRoleId = role?.id ?? '';
  await giveRole(tour, tour.people.annotator, 'anna', tour.annotatorRoleId, 'annotator');
}
