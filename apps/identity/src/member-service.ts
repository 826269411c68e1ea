import { type identityV1 } from '@latchkey/proto';
import { granting, permission, rpc, type RpcTable, self } from '@latchkey/service';
import { type Deps } from './deps';
import { knownToHaveLeft } from './known-to-have-left';
import { addMember } from './rpc/add-member';
import { getMember } from './rpc/get-member';
import { leaveOrganization } from './rpc/leave-organization';
import { listMembers } from './rpc/list-members';
import { reinstateMember } from './rpc/reinstate-member';
import { removeMember } from './rpc/remove-member';
import { suspendMember } from './rpc/suspend-member';

const inOrganization = { organization: 'organizationId' } as const;

export const memberTable = (deps: Deps) =>
  ({
    addMember: rpc(granting(permission('organization:manage-members', inOrganization)), addMember(deps)),
    getMember: rpc(permission('organization:read', inOrganization), getMember(deps)),
    listMembers: rpc(permission('organization:read', inOrganization), listMembers(deps)),
    removeMember: rpc(
      knownToHaveLeft(permission('organization:manage-members', inOrganization), deps),
      removeMember(deps),
    ),
    suspendMember: rpc(permission('organization:manage-members', inOrganization), suspendMember(deps)),
    reinstateMember: rpc(granting(permission('organization:manage-members', inOrganization)), reinstateMember(deps)),
    leaveOrganization: rpc(knownToHaveLeft(self({ ...inOrganization, bearer: false }), deps), leaveOrganization(deps)),
  }) satisfies RpcTable<identityV1.MemberServiceService>;
