import { type Transaction } from '@latchkey/coherence';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { type BindingRecord, NO_ROLES, referenceChanges, type RolesOf } from './binding';
import { type Deps } from './deps';
import { roleNotFound } from './errors';
import { isBuiltInRole } from './role';
import { demote, promote, type Seats, vacate } from './seats';

type Stores = Pick<Deps, 'roles' | 'bindings' | 'seats'>;

/**
 * The one way to write a binding: with the references to the roles that it takes and drops, and the seats of the
 * organization's Admins, in the transaction of the change. Answers it as written.
 * @throws AppError NOT_FOUND (ROLE_NOT_FOUND), FAILED_PRECONDITION (LAST_ADMIN, SEAT_CLOSED)
 */
export async function writeBinding(
  stores: Stores,
  before: BindingRecord | undefined,
  wanted: BindingRecord,
  tx: Pick<Transaction, 'session'>,
): Promise<BindingRecord> {
  const { _id: principalId, organizationId } = wanted;
  await moveSeat(stores, before ?? NO_ROLES, wanted, tx);
  for (const [roleId, change] of referenceChanges(before ?? NO_ROLES, wanted)) {
    if (isBuiltInRole(roleId)) continue;
    const found = await stores.roles.refer(organizationId, roleId, change, tx.session);
    if (!found && change > 0) throw roleNotFound(roleId);
    if (!found) throw new Error(`the binding of ${principalId} named the role ${roleId}, which is not there`);
  }
  const after = { ...wanted, version: (before?.version ?? 0) + 1 };
  if (before) await stores.bindings.update(after, tx.session);
  else await stores.bindings.insert(after, tx.session);
  return after;
}

async function moveSeat(
  { seats }: Stores,
  before: RolesOf,
  wanted: BindingRecord,
  tx: Pick<Transaction, 'session'>,
): Promise<void> {
  const change = seatChange(before, wanted);
  if (change === undefined) return;
  const current = await seats.read(wanted.organizationId, tx.session);
  const next = change(current, wanted._id);
  if (next !== current) await seats.write(next, tx.session);
}

function seatChange(before: RolesOf, wanted: BindingRecord): ((seats: Seats, id: string) => Seats) | undefined {
  if (wanted.removed) return vacate;
  const [was, is] = [before, wanted].map((roles) => roles.organizationRoleId === BUILT_IN_ROLE_IDS.ORGANIZATION_ADMIN);
  if (was === is) return undefined;
  return is ? promote : demote;
}
