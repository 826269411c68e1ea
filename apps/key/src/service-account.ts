import { type OutboxHandler } from '@latchkey/coherence';
import { keyV1 } from '@latchkey/proto';
import {
  AppError,
  type CallContext,
  isRefusal,
  type Logger,
  type PrincipalContext,
  systemContext,
} from '@latchkey/service';
import { type Deps } from './deps';
import { keyGone } from './errors';
import { hashesOf, type KeyRecord } from './key';

// A service key's account has its roles in another service. Each change of it is an intent, committed here with an outbox
// entry, and an idempotent follow-up there. The call that made the intent does the follow-up itself; the outbox is for when
// it died. Access appears last (PENDING until the roles are bound) and disappears first (REVOKED before they are removed).

export const BINDING = 'service-key-binding';
export const REMOVAL = 'service-account-removal';

/** For one follow-up by the relay, ms. */
export const FOLLOW_UP_MS = 15_000;

type FollowUpDeps = Pick<Deps, 'mutations' | 'keys' | 'bindings' | 'followUpDelayMs'>;

/** A second mutation in the same call: the request_id belongs to the first, whose answer a repeat is to get. */
export function withoutRequestId<C extends CallContext>(ctx: C): C {
  return { ...ctx, requestId: '' };
}

/**
 * Brings a PENDING key to life, or takes it back when its roles are refused for good. Idempotent.
 * @throws AppError the refusal, also on a repeat; UNAVAILABLE while it is undecided, then the outbox goes on
 */
export async function bindServiceAccount(deps: FollowUpDeps, keyId: string, ctx: CallContext): Promise<void> {
  const { mutations, keys } = deps;
  const record = await keys.findById(keyId);
  if (record === undefined) throw keyGone(keyId);
  if (record.refusal) throw new AppError(record.refusal);
  if (record.state === 'PENDING') await bindRoles(deps, record, ctx);
  const { organizationId } = record;
  await mutations.run(withoutRequestId(ctx), keyV1.DeleteServiceKeyResponse, async (tx) => {
    // An imported key may be remembered as unknown: somebody may have presented it before.
    tx.changed('key', keyId, hashesOf(record));
    await tx.settle(BINDING, keyId);
    // Its twin, call or relay, may have been quicker, and may have died before everybody knew.
    if (!(await keys.activate(keyId, tx.session))) return tx.unchanged({});
    return tx.audited({}, { organizationId, object: { kind: 'key', id: keyId }, changed: ['state'] });
  });
}

async function bindRoles(deps: FollowUpDeps, record: KeyRecord, ctx: CallContext): Promise<void> {
  const { organizationId, principalId, workspaceIds, roleId } = record;
  try {
    await deps.bindings.bindPrincipal(
      {
        organizationId,
        principalId,
        organizationRoleId: '',
        workspaceRoles: workspaceIds.map((workspaceId) => ({ workspaceId, roleId })),
        grantedBy: record.createdBy,
      },
      ctx,
    );
  } catch (error) {
    if (!isRefusal(error)) throw error;
    await takeBack(deps, record, error, ctx);
    throw error;
  }
}

/** Takes away the roles of an account whose key is revoked. Idempotent. */
export async function removeServiceAccount(deps: FollowUpDeps, keyId: string, ctx: CallContext): Promise<void> {
  const record = await deps.keys.findById(keyId);
  if (record === undefined) throw keyGone(keyId);
  const { organizationId, principalId } = record;
  await deps.bindings.removePrincipal({ organizationId, principalId }, ctx);
  await deps.mutations.run(withoutRequestId(ctx), keyV1.DeleteServiceKeyResponse, async (tx) => {
    await tx.settle(REMOVAL, keyId);
    return tx.underway({});
  });
}

/** As {@link removeServiceAccount}, where the answer does not depend on it: no key of the account is accepted any more. */
export async function tryRemoveServiceAccount(deps: FollowUpDeps, keyId: string, ctx: CallContext): Promise<void> {
  try {
    await removeServiceAccount(deps, keyId, ctx);
  } catch (error) {
    ctx.log.warn({ err: error, keyId }, 'the roles of a revoked service key are still there; the outbox goes on');
  }
}

/**
 * Whether there is such a live key, all of whose power the actor may give out: to itself as its new secret, or to whoever has
 * the old one. Where there is none, the answer is for the change itself to give.
 * @throws AppError PERMISSION_DENIED (WORKSPACE_ADMIN_REQUIRED, GRANT_EXCEEDS_OWN)
 */
export async function mayHandOut(
  { keys, bindings }: Pick<Deps, 'keys' | 'bindings'>,
  { organizationId, keyId }: { organizationId: string; keyId: string },
  ctx: PrincipalContext,
): Promise<boolean> {
  const key = await keys.findServiceKey(organizationId, keyId);
  if (!key) return false;
  const grantedBy = ctx.principal.principalId;
  await bindings.checkServiceAccountGrant({ organizationId, principalId: key.principalId, grantedBy }, ctx);
  return true;
}

/** What the relay does with intents whose calls died. */
export function followUps(deps: FollowUpDeps, log: Logger): Record<string, OutboxHandler> {
  const context = (): CallContext => systemContext('key', { log, timeoutMs: FOLLOW_UP_MS });
  return {
    [BINDING]: async ({ key }) => {
      try {
        await bindServiceAccount(deps, key, context());
      } catch (error) {
        // Taken back: the entry is settled, and there is nobody here to be told.
        if (!isRefusal(error)) throw error;
      }
      return 'done';
    },
    [REMOVAL]: async ({ key }) => {
      await removeServiceAccount(deps, key, context());
      return 'done';
    },
  };
}

async function takeBack(deps: FollowUpDeps, record: KeyRecord, error: AppError, ctx: CallContext): Promise<void> {
  const { _id: keyId, organizationId } = record;
  const { code, reason, message, metadata } = error;
  await deps.mutations.run(withoutRequestId(ctx), keyV1.DeleteServiceKeyResponse, async (tx) => {
    const refusal = { code, reason, message, metadata };
    tx.changed('key', keyId, hashesOf(record));
    await tx.settle(BINDING, keyId);
    if (!(await deps.keys.abandon(keyId, { refusal, revokeTime: tx.now }, tx.session))) return tx.unchanged({});
    // An attempt whose answer was lost may have bound it before, under circumstances that are no more.
    tx.enqueue({ kind: REMOVAL, key: keyId, payload: {}, delayMs: deps.followUpDelayMs });
    return tx.audited({}, { organizationId, object: { kind: 'key', id: keyId }, changed: ['state'] });
  });
  await tryRemoveServiceAccount(deps, keyId, ctx);
}
