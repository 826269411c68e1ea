import { type identityV1 } from '@latchkey/proto';
import { granting, permission, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { addMember } from './rpc/add-member';
import { getMember } from './rpc/get-member';
import { listMembers } from './rpc/list-members';
import { removeMember } from './rpc/remove-member';

const inOrganization = { organization: 'organizationId' } as const;

export const memberTable = (deps: Deps) =>
  ({
    addMember: rpc(granting(permission('organization:manage-members', inOrganization)), addMember(deps)),
    getMember: rpc(permission('organization:read', inOrganization), getMember(deps)),
    listMembers: rpc(permission('organization:read', inOrganization), listMembers(deps)),
    removeMember: rpc(permission('organization:manage-members', inOrganization), removeMember(deps)),
  }) satisfies RpcTable<identityV1.MemberServiceService>;
