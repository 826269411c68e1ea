import { membershipHash } from '@latchkey/coherence';
import { identityV1 } from '@latchkey/proto';
import { organizationNotFound, type PrincipalContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from '../deps';
import { userNotFound, workspaceTwice } from '../errors';
import { finishJoining, type Joining, JOINING, joiningPayload } from '../joining';
import { memberKey, type MemberRow, toMember } from '../member';

export const addMember =
  (deps: Deps) =>
  async (request: identityV1.AddMemberRequest, ctx: PrincipalContext): Promise<identityV1.AddMemberResponse> => {
    const { organizationId, userId, organizationRoleId, workspaceRoles } = request;
    const twice = workspaceRoles.findIndex(
      ({ workspaceId }, i) => workspaceRoles.findIndex((role) => role.workspaceId === workspaceId) < i,
    );
    if (twice >= 0) throw workspaceTwice(twice);
    const joining = (memberId: string): Joining => ({
      organizationId,
      memberId,
      userId,
      organizationRoleId,
      workspaceRoles,
      grantedBy: ctx.principal.principalId,
    });

    const { answer } = await deps.mutations.run(ctx, identityV1.AddMemberResponse, async (tx) => {
      const organization = await deps.organizations.find(organizationId, tx.session);
      if (organization?.state !== 'ACTIVE') throw organizationNotFound(organizationId);
      if (!(await deps.users.touch(userId, tx.session))) throw userNotFound(userId);
      const row: MemberRow = {
        _id: typeid('mem').toString(),
        organizationId,
        userId,
        state: 'JOINING',
        liveKey: memberKey(organizationId, userId),
        createTime: tx.now,
        seatEpoch: 0,
        reopening: [],
      };
      // Before the insert: MEMBER_EXISTS, too, is said only when everybody knows it.
      tx.changed('member', row._id, [membershipHash(organizationId, userId)]);
      await deps.members.insert(row, tx.session);
      tx.enqueue({
        kind: JOINING,
        key: row._id,
        payload: joiningPayload(joining(row._id)),
        delayMs: deps.config.followUpDelayMs,
      });
      return tx.audited(
        { member: toMember(row) },
        { organizationId, object: { kind: 'member', id: row._id }, changed: ['user_id', 'state'] },
      );
    });

    return { member: toMember(await finishJoining(deps, joining(answer.member?.id ?? ''), ctx)) };
  };
