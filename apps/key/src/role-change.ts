import { type OutboxHandler } from '@latchkey/coherence';
import { keyV1 } from '@latchkey/proto';
import { AppError, type CallContext, isRefusal, type Logger, systemContext } from '@latchkey/service';
import { type Deps } from './deps';
import { etagOf, type KeyRecord, type RoleChange } from './key';
import { FOLLOW_UP_MS, withoutRequestId } from './service-account';

// A service key's role is held in another service. A change of it is an intent, committed here with an outbox entry, and an
// idempotent follow-up there; only then does this service say that the key has the role. Until then the old role authorizes,
// or the new one does already, and nobody was told either.

export const ROLE_CHANGE = 'service-key-role';

type ChangeDeps = Pick<Deps, 'mutations' | 'keys' | 'bindings'>;

/**
 * Brings a change of the key's role to its end, or takes it back when it is refused for good. Idempotent.
 * @param intent `etag` is that of the call's own intent: the refusal of another one is not the caller's
 * @throws AppError the refusal, also on a repeat; UNAVAILABLE while it is undecided, then the outbox goes on
 */
export async function finishRoleChange(
  deps: ChangeDeps,
  intent: { keyId: string; etag?: string | undefined },
  ctx: CallContext,
): Promise<void> {
  const record = await deps.keys.findById(intent.keyId);
  const change = record?.roleChange;
  if (!record || !change || record.state !== 'ACTIVE') return;
  if (intent.etag !== undefined && intent.etag !== etagOf(change)) return;
  if (change.refusal) throw new AppError(change.refusal);
  const { organizationId, principalId } = record;
  const { roleId, grantedBy, version } = change;
  try {
    await deps.bindings.rebindServiceAccount({ organizationId, principalId, roleId, grantedBy, change: version }, ctx);
  } catch (error) {
    // The other service has applied a later change, which cannot begin before this one has ended.
    if (error instanceof AppError && error.reason === 'SUPERSEDED') return;
    if (!isRefusal(error)) throw error;
    const { code, reason, message, metadata } = error;
    await settle(
      deps,
      record,
      change,
      { roleChange: { ...change, refusal: { code, reason, message, metadata } } },
      ctx,
    );
    throw error;
  }
  await settle(deps, record, change, { roleId, name: change.name, roleChange: undefined }, ctx);
}

/** What the relay does with changes whose calls died. */
export function roleChanges(deps: ChangeDeps, log: Logger): Record<string, OutboxHandler> {
  return {
    [ROLE_CHANGE]: async ({ key }) => {
      try {
        await finishRoleChange(deps, { keyId: key }, systemContext('key', { log, timeoutMs: FOLLOW_UP_MS }));
      } catch (error) {
        // Taken back: the entry is settled, and there is nobody here to be told.
        if (!isRefusal(error)) throw error;
      }
      return 'done';
    },
  };
}

async function settle(
  { mutations, keys }: ChangeDeps,
  { _id: keyId, organizationId }: KeyRecord,
  change: RoleChange,
  end: Partial<Pick<KeyRecord, 'roleId' | 'name'>> & { roleChange: RoleChange | undefined },
  ctx: CallContext,
): Promise<void> {
  await mutations.run(withoutRequestId(ctx), keyV1.UpdateServiceKeyResponse, async (tx) => {
    const current = await keys.findById(keyId, tx.session);
    const pending = current?.state === 'ACTIVE' ? current.roleChange : undefined;
    // Its twin, call or relay, may have been quicker; the outbox entry may then be that of another change.
    if (pending?.version !== change.version || pending.refusal) return tx.unchanged({ key: undefined });
    await keys.change(keyId, end, tx.session);
    await tx.settle(ROLE_CHANGE, keyId);
    return tx.audited({ key: undefined }, { organizationId, object: { kind: 'key', id: keyId }, changed: ['role_id'] });
  });
}
