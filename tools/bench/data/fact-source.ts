import { type BindingFact, PermissionSet } from '@latchkey/decision';
import { hashSecret } from '@latchkey/facts';
import { type FactSource } from '../../../apps/key/src/fact-source';
import { type KeyRecord } from '../../../apps/key/src/key';
import { type Dataset } from './dataset';
import { fresh, idOf, indexOf } from './ids';

/**
 * The facts of a dataset, in the process that asks for them: filling a large cache from the embedded engine would take longer
 * than measuring it. Everything else of the way into the cache is production's.
 */
export interface LocalFacts {
  readonly source: FactSource;
  /** Makes the key of this member findable while it is being filled; answers its secret. */
  open(member: number): string;
  close(member: number): void;
}

export function localFacts(dataset: Dataset): LocalFacts {
  // Only of those keys that are being filled: a table of a million hashes would be measured too.
  const members = new Map<string, number>();
  const { organizationId } = dataset;
  const roles = new Map(dataset.roles.map((role) => [role.id, role]));

  const member = (index: number) => ({
    id: idOf('mem', index),
    organizationId: fresh(organizationId),
    userId: idOf('user', index),
    state: 'ACTIVE' as const,
  });
  const source: FactSource = {
    findKey: (hash) => Promise.resolve(keyRecord(dataset, hash, members.get(hash))),
    findLegacySunset: () => Promise.resolve(undefined),
    getOrganization: () => Promise.resolve({ id: fresh(organizationId), state: 'ACTIVE' }),
    getMember: (id) => Promise.resolve(member(indexOf(id))),
    findMember: (_organizationId, userId) => Promise.resolve(member(indexOf(userId))),
    getWorkspace: (id) => Promise.resolve({ id: fresh(id), organizationId: fresh(organizationId), state: 'ACTIVE' }),
    getBinding: (id): Promise<BindingFact> => {
      const bound = dataset.bindings(indexOf(id));
      return Promise.resolve({
        organizationRoleId: fresh(dataset.organizationRole.id),
        workspaceRoles: new Map(bound.map(({ workspace, role }) => [dataset.workspaceId(workspace), fresh(role.id)])),
      });
    },
    getRole: (id) => {
      const role = roles.get(id);
      return Promise.resolve(role && { scope: role.scope, permissions: PermissionSet.of(role.held) });
    },
    getCatalogue: () =>
      Promise.resolve({
        version: 1,
        permissions: new Map(dataset.permissions.map(({ name, number, scope }) => [fresh(name), { number, scope }])),
      }),
  };
  return {
    source,
    open: (index) => {
      const secret = dataset.secret(index);
      members.set(hashSecret(secret), index);
      return secret;
    },
    close: (index) => void members.delete(hashSecret(dataset.secret(index))),
  };
}

function keyRecord({ organizationId }: Dataset, hash: string, index: number | undefined): KeyRecord | undefined {
  if (index === undefined) return undefined;
  return {
    _id: idOf('pat', index),
    kind: 'PERSONAL',
    origin: 'NATIVE',
    organizationId: fresh(organizationId),
    principalId: idOf('mem', index),
    userId: idOf('user', index),
    hash: fresh(hash),
    hint: 'abcd',
    name: 'bench',
    state: 'ACTIVE',
    workspaceIds: [],
    roleId: '',
    createdBy: idOf('mem', index),
    createTime: new Date(0),
  };
}
