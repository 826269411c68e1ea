import { type identityV1 } from '@latchkey/proto';
import { type Deps } from '../deps';
import { memberNotFound } from '../errors';
import { toMember } from '../member';

export const getMember =
  ({ members }: Pick<Deps, 'members'>) =>
  async ({ organizationId, memberId }: identityV1.GetMemberRequest): Promise<identityV1.GetMemberResponse> => {
    const row = await members.find(organizationId, memberId);
    if (!row) throw memberNotFound(memberId);
    return { member: toMember(row) };
  };
