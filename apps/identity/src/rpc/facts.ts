import { type identityV1 } from '@latchkey/proto';
import { type Deps } from '../deps';
import { memberFact } from '../member';
import { organizationFact } from '../organization';
import { workspaceFact } from '../workspace';

// Four reads of one kind: what is stored, confirmed by the primary, without a look at anything else.

export const getOrganizationFact =
  ({ organizations }: Pick<Deps, 'organizations'>) =>
  async (request: identityV1.GetOrganizationFactRequest): Promise<identityV1.GetOrganizationFactResponse> => {
    const row = await organizations.findFact(request.organizationId);
    return { fact: row && organizationFact(row) };
  };

export const getWorkspaceFact =
  ({ workspaces }: Pick<Deps, 'workspaces'>) =>
  async (request: identityV1.GetWorkspaceFactRequest): Promise<identityV1.GetWorkspaceFactResponse> => {
    const row = await workspaces.findFact(request.workspaceId);
    return { fact: row && workspaceFact(row) };
  };

export const getMemberFact =
  ({ members }: Pick<Deps, 'members'>) =>
  async (request: identityV1.GetMemberFactRequest): Promise<identityV1.GetMemberFactResponse> => {
    const row = await members.findFact(request.memberId);
    return { fact: row && memberFact(row) };
  };

export const findMemberFact =
  ({ members }: Pick<Deps, 'members'>) =>
  async (request: identityV1.FindMemberFactRequest): Promise<identityV1.FindMemberFactResponse> => {
    const row = await members.findLiveFact(request.organizationId, request.userId);
    return { fact: row && memberFact(row) };
  };
