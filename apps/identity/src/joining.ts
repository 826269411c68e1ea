import { type Change, membershipHash, type OutboxPayload } from '@latchkey/coherence';
import { AppError, type CallContext, isRefusal, organizationNotFound } from '@latchkey/service';
import { type Deps } from './deps';
import { memberNotFound, userNotFound } from './errors';
import { type MemberRow } from './member';
import { text, texts } from './payload';
import { step } from './step';

/** A membership that was committed JOINING, and the roles that it is to get before it may act. Ids only. */
export interface Joining {
  readonly organizationId: string;
  readonly memberId: string;
  readonly userId: string;
  /** '' for the organization's default. */
  readonly organizationRoleId: string;
  readonly workspaceRoles: readonly { readonly workspaceId: string; readonly roleId: string }[];
  /** The principal that grants; '' for a founder, whose organization becomes ACTIVE in the same moment. */
  readonly grantedBy: string;
}

export const JOINING = 'member-joining';

/** An outbox payload nests no objects: the roles become two lists of equal length. */
export function joiningPayload({ workspaceRoles, ...rest }: Joining): OutboxPayload {
  return {
    ...rest,
    workspaceIds: workspaceRoles.map(({ workspaceId }) => workspaceId),
    roleIds: workspaceRoles.map(({ roleId }) => roleId),
  };
}

/** @throws Error when the payload is not one of joiningPayload's */
export function joiningOf(payload: OutboxPayload): Joining {
  const roleIds = texts(payload, 'roleIds');
  return {
    organizationId: text(payload, 'organizationId'),
    memberId: text(payload, 'memberId'),
    userId: text(payload, 'userId'),
    organizationRoleId: text(payload, 'organizationRoleId'),
    workspaceRoles: texts(payload, 'workspaceIds').map((workspaceId, i) => ({ workspaceId, roleId: roleIds[i] ?? '' })),
    grantedBy: text(payload, 'grantedBy'),
  };
}

/**
 * Brings a JOINING membership to its end, ACTIVE or taken back, and answers it as it is then. Run by the call that made
 * it, by a repeat of that call, and by the relay when the call has died; all of them may run at once.
 * @throws AppError the refusal, once it has been taken back; UNAVAILABLE while role cannot be reached, and the relay
 * goes on
 */
export async function finishJoining(deps: Deps, joining: Joining, ctx: CallContext): Promise<MemberRow> {
  const { organizationId, memberId } = joining;
  const before = await deps.members.find(organizationId, memberId);
  const refusal = before?.state === 'JOINING' ? await bind(deps, joining, ctx) : undefined;
  if (refusal) await abandon(deps, joining, refusal, ctx);
  // Also one that is ACTIVE: whoever made it so may have died before everybody knew.
  else if (before?.state === 'JOINING' || before?.state === 'ACTIVE') await activate(deps, joining, ctx);
  const after = await deps.members.find(organizationId, memberId);
  if (!after) throw memberNotFound(memberId);
  if (after.refusal) throw new AppError(after.refusal);
  return after;
}

/** The roles, of which nothing follows yet. Answers a definite refusal; what else goes wrong may go right next time. */
async function bind(deps: Deps, joining: Joining, ctx: CallContext): Promise<AppError | undefined> {
  const { organizationId, memberId, organizationRoleId, workspaceRoles, grantedBy } = joining;
  try {
    await deps.bindings.bindPrincipal(
      { organizationId, principalId: memberId, organizationRoleId, workspaceRoles: [...workspaceRoles], grantedBy },
      ctx,
    );
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return error;
    throw error;
  }
}

/** Access appears last. */
async function activate(deps: Deps, joining: Joining, ctx: CallContext): Promise<void> {
  const { organizationId, memberId, userId, grantedBy } = joining;
  const founding = grantedBy === '';
  const outcome = await step<AppError | MemberRow['state'] | undefined>(deps, ctx, async (tx) => {
    tx.changed('member', memberId, [membershipHash(organizationId, userId)]);
    if (founding) tx.changed('organization', organizationId);
    const member = await deps.members.find(organizationId, memberId, tx.session);
    if (member?.state !== 'JOINING') {
      await tx.settle(JOINING, memberId);
      return tx.unchanged(member?.state);
    }
    // Read again, beside the change: the organization or the person may have died since the first transaction.
    const organization = await deps.organizations.find(organizationId, tx.session);
    if (organization?.state !== (founding ? 'CREATING' : 'ACTIVE'))
      return tx.unchanged(organizationNotFound(organizationId));
    if (!(await deps.users.touch(userId, tx.session))) return tx.unchanged(userNotFound(userId));
    if (founding) await deps.organizations.conclude(organizationId, 'ACTIVE', tx.session);
    await deps.members.activate(memberId, tx.session);
    await tx.settle(JOINING, memberId);
    return tx.audited('ACTIVE', ...endOf(joining));
  });
  if (outcome instanceof AppError) await abandon(deps, joining, outcome, ctx);
  // Removed while it was being bound, so its clean-up may have run before there was anything to clean: it must not
  // hold a seat.
  if (outcome === 'REMOVED') await deps.bindings.removePrincipal({ organizationId, principalId: memberId }, ctx);
}

/** Takes the membership back, a founder's organization with it, and remembers why. */
async function abandon(deps: Deps, joining: Joining, refusal: AppError, ctx: CallContext): Promise<void> {
  const { organizationId, memberId, userId, grantedBy } = joining;
  const { code, reason, message, metadata } = refusal;
  await step(deps, ctx, async (tx) => {
    tx.changed('member', memberId, [membershipHash(organizationId, userId)]);
    await tx.settle(JOINING, memberId);
    if (!(await deps.members.abandon(memberId, { code, reason, message, metadata }, tx.session))) {
      return tx.unchanged(undefined);
    }
    if (grantedBy === '') await deps.organizations.conclude(organizationId, 'DELETED', tx.session);
    tx.enqueue({ kind: PRINCIPAL_REMOVAL, key: memberId, payload: { organizationId, memberId } });
    return tx.audited(undefined, ...endOf(joining));
  });
}

/** For the trail. Be it reached or taken back: from here on the membership authorizes something, or never will. */
function endOf({ organizationId, memberId, grantedBy }: Joining): Change[] {
  const changed = ['state'];
  return [
    { organizationId, object: { kind: 'member', id: memberId }, changed },
    ...(grantedBy === '' ? [{ organizationId, object: { kind: 'organization', id: organizationId }, changed }] : []),
  ];
}

/** What role may still hold of a member that never came to be. */
export const PRINCIPAL_REMOVAL = 'principal-removal';
