import { type BindingFact } from '@latchkey/decision';
import { type roleV1 } from '@latchkey/proto';

export interface WorkspaceRole {
  readonly workspaceId: string;
  readonly roleId: string;
}

/** One principal's roles. A removed principal's document stays, without roles, so that nothing can bind it again. */
export interface BindingRecord {
  /** The principal. */
  readonly _id: string;
  readonly organizationId: string;
  /** Absent for a service account. */
  readonly organizationRoleId?: string;
  /** At most one per workspace. */
  readonly workspaceRoles: readonly WorkspaceRole[];
  readonly version: number;
  /** Of a service account: the number of the last change of its role. Absent: it has the role that it was bound with. */
  readonly change?: number;
  readonly removed?: { readonly rolesRemoved: number };
}

/** Ids of all roles that it names, as often as it names them. */
export function rolesNamedBy({ organizationRoleId, workspaceRoles }: RolesOf): string[] {
  return [...(organizationRoleId ? [organizationRoleId] : []), ...workspaceRoles.map(({ roleId }) => roleId)];
}

export type RolesOf = Pick<BindingRecord, 'organizationRoleId' | 'workspaceRoles'>;

export const NO_ROLES: RolesOf = { workspaceRoles: [] };

/** How many more (or fewer) times each role is named after a change; roles without a difference are left out. */
export function referenceChanges(before: RolesOf, after: RolesOf): Map<string, number> {
  const changes = new Map<string, number>();
  const count = (roles: RolesOf, step: number) => {
    for (const roleId of rolesNamedBy(roles)) changes.set(roleId, (changes.get(roleId) ?? 0) + step);
  };
  count(before, -1);
  count(after, 1);
  for (const [roleId, change] of changes) if (change === 0) changes.delete(roleId);
  return changes;
}

export function roleIn(binding: RolesOf, workspaceId: string): string | undefined {
  return binding.workspaceRoles.find((role) => role.workspaceId === workspaceId)?.roleId;
}

/** The binding with another role in the workspace, or without one there. */
export function withRoleIn<B extends RolesOf>(binding: B, workspaceId: string, roleId: string | undefined): B {
  const others = binding.workspaceRoles.filter((role) => role.workspaceId !== workspaceId);
  return { ...binding, workspaceRoles: roleId === undefined ? others : [...others, { workspaceId, roleId }] };
}

export function bindingFact({ organizationRoleId, workspaceRoles }: RolesOf): BindingFact {
  return {
    ...(organizationRoleId && { organizationRoleId }),
    workspaceRoles: new Map(workspaceRoles.map(({ workspaceId, roleId }) => [workspaceId, roleId])),
  };
}

export function toProtoBinding(binding: BindingRecord): roleV1.Binding {
  return {
    organizationId: binding.organizationId,
    principalId: binding._id,
    organizationRoleId: binding.organizationRoleId ?? '',
    workspaceRoles: binding.workspaceRoles.map(({ workspaceId, roleId }) => ({ workspaceId, roleId })),
    etag: String(binding.version),
  };
}
