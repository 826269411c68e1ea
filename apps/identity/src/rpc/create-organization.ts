import { identityV1 } from '@latchkey/proto';
import { type UserContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from '../deps';
import { organizationNotFound } from '@latchkey/service';
import { userNotFound } from '../errors';
import { finishJoining, type Joining, JOINING, joiningPayload } from '../joining';
import { memberKey } from '../member';
import { NEW_SETTINGS, type OrganizationRow, toOrganization } from '../organization';

export const createOrganization =
  (deps: Deps) =>
  async (
    request: identityV1.CreateOrganizationRequest,
    ctx: UserContext,
  ): Promise<identityV1.CreateOrganizationResponse> => {
    const { answer } = await deps.mutations.run(ctx, identityV1.CreateOrganizationResponse, async (tx) => {
      if (!(await deps.users.touch(ctx.userId, tx.session))) throw userNotFound(ctx.userId);
      const row: OrganizationRow = {
        _id: typeid('org').toString(),
        displayName: request.displayName,
        state: 'CREATING',
        founderMemberId: typeid('mem').toString(),
        createTime: tx.now,
        settings: NEW_SETTINGS,
        version: 1,
      };
      await deps.organizations.insert(row, tx.session);
      await deps.members.insert(
        {
          _id: row.founderMemberId,
          organizationId: row._id,
          userId: ctx.userId,
          state: 'JOINING',
          liveKey: memberKey(row._id, ctx.userId),
          createTime: tx.now,
          seatEpoch: 0,
          reopening: [],
        },
        tx.session,
      );
      const object = { kind: 'organization', id: row._id };
      tx.enqueue({
        kind: JOINING,
        key: row.founderMemberId,
        payload: joiningPayload(founding(row, ctx.userId)),
        delayMs: deps.config.followUpDelayMs,
      });
      return tx.audited(
        { organization: toOrganization(row) },
        { organizationId: row._id, object, changed: ['display_name', 'founder_member_id', 'state'] },
      );
    });

    const { id: _id = '', founderMemberId = '' } = answer.organization ?? {};
    await finishJoining(deps, founding({ _id, founderMemberId }, ctx.userId), ctx);
    const row = await deps.organizations.find(_id);
    if (!row) throw organizationNotFound(_id);
    return { organization: toOrganization(row) };
  };

function founding(row: Pick<OrganizationRow, '_id' | 'founderMemberId'>, userId: string): Joining {
  return {
    organizationId: row._id,
    memberId: row.founderMemberId,
    userId,
    organizationRoleId: '',
    workspaceRoles: [],
    grantedBy: '',
  };
}
