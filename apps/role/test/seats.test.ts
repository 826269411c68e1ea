import { AppError } from '@latchkey/service';
import fc from 'fast-check';
import { closeSeat, demote, openSeats, promote, reopenSeat, type Seats, vacate } from '../src/seats';

const MEMBERS = ['mem_a', 'mem_b', 'mem_c', 'mem_d'];
const FOUNDED: Seats = { organizationId: 'org_1', admins: ['mem_a'], closed: [] };

const STEPS = { promote, demote, closeSeat, reopenSeat } as const;
const step = fc.record({
  kind: fc.constantFrom(...(Object.keys(STEPS) as (keyof typeof STEPS)[]), 'remove' as const),
  member: fc.constantFrom(...MEMBERS),
});

/** A removal is what identity does: the seat is closed first, and nothing happens if that is refused. */
function take(seats: Seats, { kind, member }: { kind: keyof typeof STEPS | 'remove'; member: string }): Seats {
  try {
    return kind === 'remove' ? vacate(closeSeat(seats, member), member) : STEPS[kind](seats, member);
  } catch (error) {
    if (error instanceof AppError) return seats;
    throw error;
  }
}

describe('seats of organization Admins', () => {
  it('always leave one open, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let seats = FOUNDED;
        for (const next of steps) {
          seats = take(seats, next);
          expect(openSeats(seats).length).toBeGreaterThan(0);
          expect(new Set(seats.admins).size).toBe(seats.admins.length);
          expect(new Set(seats.closed).size).toBe(seats.closed.length);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('are closed, reopened and vacated as often as one likes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.constantFrom(...MEMBERS), (steps, member) => {
        const seats = steps.reduce(take, FOUNDED);
        for (const again of [closeSeat, reopenSeat, vacate]) {
          const once = again === closeSeat ? take(seats, { kind: 'closeSeat', member }) : again(seats, member);
          expect(again === closeSeat ? take(once, { kind: 'closeSeat', member }) : again(once, member)).toBe(once);
        }
      }),
    );
  });

  it('are not given to one who is being removed, also when it held none before', () => {
    const closed = closeSeat(FOUNDED, 'mem_b');
    expect(() => promote(closed, 'mem_b')).toThrow(expect.objectContaining({ reason: 'SEAT_CLOSED' }));
    expect(promote(reopenSeat(closed, 'mem_b'), 'mem_b').admins).toEqual(['mem_a', 'mem_b']);
  });

  it('do not count as left for others once they are closed', () => {
    const two = closeSeat(promote(FOUNDED, 'mem_b'), 'mem_b');
    for (const change of [demote, closeSeat]) {
      expect(() => change(two, 'mem_a')).toThrow(expect.objectContaining({ reason: 'LAST_ADMIN' }));
    }
  });
});
