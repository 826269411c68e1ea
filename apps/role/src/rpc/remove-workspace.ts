import { roleV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { assertWorkspaceDeleted } from '../alive';
import { withRoleIn } from '../binding';
import { writeBinding } from '../change-binding';
import { type Deps } from '../deps';

/** Each binding has an audit entry of its own, and a transaction is to stay short. */
const BATCH = 100;

export const removeWorkspace =
  (deps: Deps) =>
  async (request: roleV1.RemoveWorkspaceRequest, ctx: CallContext): Promise<roleV1.RemoveWorkspaceResponse> => {
    const { organizationId, workspaceId } = request;
    // Others are believed when they say which workspace, never when they say that it is gone.
    await assertWorkspaceDeleted(deps, organizationId, workspaceId, ctx);

    const { answer } = await deps.mutations.run(ctx, roleV1.RemoveWorkspaceResponse, async (tx) => {
      const page = { organizationId, workspaceId, after: undefined, limit: BATCH + 1 };
      const held = await deps.bindings.list(page, tx.session);
      const batch = held.slice(0, BATCH);
      // No events: what every memory knows of the workspace already refuses all that is held in it, for ever.
      for (const binding of batch) {
        await writeBinding(deps, binding, withRoleIn(binding, workspaceId, undefined), tx);
      }
      return tx.audited(
        { rolesRemoved: batch.length, more: held.length > BATCH },
        ...batch.map(({ _id: id }) => ({
          organizationId,
          object: { kind: 'binding', id },
          changed: ['workspace_roles'],
        })),
      );
    });
    return answer;
  };
