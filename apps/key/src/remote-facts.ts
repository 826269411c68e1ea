import {
  type BindingFact,
  type CatalogueFact,
  PermissionSet,
  type PrincipalFact,
  type RoleFact,
} from '@latchkey/decision';
import { identityV1, roleV1 } from '@latchkey/proto';
import { type PromisedClient } from '@latchkey/service';
import { type FactSource } from './fact-source';
import { type KeyStore } from './key-store';
import { type LegacySunsetStore } from './legacy-sunset-store';

export type IdentityFacts = PromisedClient<typeof identityV1.FactServiceClient>;
export type RoleFacts = PromisedClient<typeof roleV1.FactServiceClient>;

/** Facts from their owners: keys and sunsets from this service's stores, the rest from identity and role, never from a cache. */
export function remoteFacts(deps: {
  keys: KeyStore;
  sunsets: LegacySunsetStore;
  identity: IdentityFacts;
  role: RoleFacts;
}): FactSource {
  const { keys, sunsets, identity, role } = deps;
  return {
    findKey: (hash) => keys.findByHash(hash),
    findLegacySunset: (organizationId) => sunsets.find(organizationId),

    async getOrganization(organizationId, ctx) {
      const { fact } = await identity.getOrganizationFact({ organizationId }, ctx);
      if (!fact) return undefined;
      const { organizationId: id, active, personalTokensDisabled } = fact;
      return { id, state: active ? 'ACTIVE' : 'DELETED', personalTokensDisabled };
    },

    async getMember(memberId, ctx) {
      return memberFact((await identity.getMemberFact({ memberId }, ctx)).fact);
    },

    async findMember(organizationId, userId, ctx) {
      return memberFact((await identity.findMemberFact({ organizationId, userId }, ctx)).fact);
    },

    async getWorkspace(workspaceId, ctx) {
      const { fact } = await identity.getWorkspaceFact({ workspaceId }, ctx);
      return (
        fact && {
          id: fact.workspaceId,
          organizationId: fact.organizationId,
          state: fact.active ? 'ACTIVE' : 'DELETED',
        }
      );
    },

    async getBinding(principalId, ctx): Promise<BindingFact | undefined> {
      const { binding } = await role.getBindingFact({ principalId }, ctx);
      // An answer about somebody else must not become this principal's roles.
      if (binding?.principalId !== principalId) return undefined;
      return {
        organizationRoleId: binding.organizationRoleId,
        workspaceRoles: new Map(binding.workspaceRoles.map(({ workspaceId, roleId }) => [workspaceId, roleId])),
      };
    },

    async getRole(roleId, ctx): Promise<RoleFact | undefined> {
      const { fact } = await role.getRoleFact({ roleId }, ctx);
      const scope = fact && scopeOf(fact.scope);
      return scope && { scope, permissions: PermissionSet.fromBytes(fact.permissionBits) };
    },

    async getCatalogue(ctx): Promise<CatalogueFact> {
      const { version, entries } = await role.getCatalogueFact({}, ctx);
      const permissions = new Map<string, { number: number; scope: 'organization' | 'workspace' }>();
      for (const { name, number, scope: declared } of entries) {
        const scope = scopeOf(declared);
        if (scope) permissions.set(name, { number, scope });
      }
      return { version, permissions };
    },
  };
}

function memberFact(fact: identityV1.MemberFact | undefined): PrincipalFact | undefined {
  const state = fact && LIVENESS[fact.liveness];
  return state && { id: fact.memberId, organizationId: fact.organizationId, userId: fact.userId, state };
}

/** A liveness that this version does not know counts as none at all. */
const LIVENESS: Partial<Record<identityV1.MemberLiveness, PrincipalFact['state']>> = {
  [identityV1.MemberLiveness.JOINING]: 'JOINING',
  [identityV1.MemberLiveness.ACTIVE]: 'ACTIVE',
  [identityV1.MemberLiveness.SUSPENDED]: 'SUSPENDED',
  [identityV1.MemberLiveness.REMOVED]: 'REMOVED',
};

/** A scope that this version does not know applies nowhere. */
function scopeOf(scope: roleV1.Scope): 'organization' | 'workspace' | undefined {
  if (scope === roleV1.Scope.ORGANIZATION) return 'organization';
  return scope === roleV1.Scope.WORKSPACE ? 'workspace' : undefined;
}
