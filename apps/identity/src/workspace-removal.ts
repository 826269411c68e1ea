import { type CallContext } from '@latchkey/service';
import { type Deps } from './deps';

/** What role and key still hold of a workspace that is deleted. */
export const WORKSPACE_REMOVAL = 'workspace-removal';

/**
 * Takes one batch away. Keys go first: once a key is revoked, its account's roles are removed as a whole. Nothing depends
 * on the order, nor on how often a batch is repeated.
 * @returns whether there may be more
 */
export async function removeSomeOfWorkspace(
  { serviceKeys, bindings }: Pick<Deps, 'serviceKeys' | 'bindings'>,
  workspace: { readonly organizationId: string; readonly workspaceId: string },
  ctx: CallContext,
): Promise<boolean> {
  if ((await serviceKeys.removeWorkspace(workspace, ctx)).more) return true;
  return (await bindings.removeWorkspace(workspace, ctx)).more;
}
