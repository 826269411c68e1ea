import { lastAdmin, seatClosed } from './errors';

/**
 * The seats of an organization's Admins. A seat is open while its owner may go on being an Admin; it is closed before its
 * owner is removed or suspended, so that the last open one is kept. Members who are no Admins can be closed, too: nobody
 * is promoted meanwhile, else the one who then goes could be the last.
 */
export interface Seats {
  readonly organizationId: string;
  /** Principals whose organization role is Admin. */
  readonly admins: readonly string[];
  /** Members who are suspended or about to be removed, Admins or not. */
  readonly closed: readonly string[];
}

export function openSeats({ admins, closed }: Seats): string[] {
  return admins.filter((admin) => !closed.includes(admin));
}

/** Gives a seat. Nothing changes for one who has it. @throws AppError SEAT_CLOSED */
export function promote(seats: Seats, principalId: string): Seats {
  if (seats.admins.includes(principalId)) return seats;
  if (seats.closed.includes(principalId)) throw seatClosed(principalId);
  return { ...seats, admins: [...seats.admins, principalId] };
}

/** Takes a seat from one who stays. Nothing changes for one who has none. @throws AppError LAST_ADMIN */
export function demote(seats: Seats, principalId: string): Seats {
  if (!seats.admins.includes(principalId)) return seats;
  keepOneOpen(seats, principalId);
  return { ...seats, admins: without(seats.admins, principalId) };
}

/** Closes the seat of one who is about to go. Idempotent. @throws AppError LAST_ADMIN */
export function closeSeat(seats: Seats, principalId: string): Seats {
  if (seats.closed.includes(principalId)) return seats;
  if (seats.admins.includes(principalId)) keepOneOpen(seats, principalId);
  return { ...seats, closed: [...seats.closed, principalId] };
}

/** Idempotent. */
export function reopenSeat(seats: Seats, principalId: string): Seats {
  if (!seats.closed.includes(principalId)) return seats;
  return { ...seats, closed: without(seats.closed, principalId) };
}

/**
 * Takes every trace of a principal that is gone. Refuses nothing: whether it may go was asked when its seat was closed, and
 * an organization that ends has no seats to keep.
 */
export function vacate(seats: Seats, principalId: string): Seats {
  if (!seats.admins.includes(principalId) && !seats.closed.includes(principalId)) return seats;
  return { ...seats, admins: without(seats.admins, principalId), closed: without(seats.closed, principalId) };
}

function keepOneOpen(seats: Seats, leaving: string): void {
  if (without(openSeats(seats), leaving).length === 0) throw lastAdmin(seats.organizationId);
}

function without(ids: readonly string[], id: string): string[] {
  return ids.filter((other) => other !== id);
}
