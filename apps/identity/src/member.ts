import { identityV1 } from '@latchkey/proto';
import { type AppErrorOptions } from '@latchkey/service';

export interface MemberRow {
  /** A mem_ id. */
  _id: string;
  organizationId: string;
  userId: string;
  /** JOINING authorizes nothing yet, SUSPENDED not for now, REMOVED never again. */
  state: 'JOINING' | 'ACTIVE' | 'SUSPENDED' | 'REMOVED';
  /** Unique: a person is a member once. A tombstone has none, so that the person may come again, as a new member. */
  liveKey?: string;
  createTime: Date;
  /** Why it never completed: the answer for whoever repeats the call that made it. */
  refusal?: StoredRefusal;
  /**
   * Counts how often the seat was opened again. A removal, a suspension and the end of one commit only while it reads what
   * it read before the seat was closed for them.
   */
  seatEpoch: number;
  /** Reopenings under way, by the closing they take back; while there is one, no seat is closed anew. */
  reopening: string[];
}

export type StoredRefusal = Pick<AppErrorOptions, 'code' | 'reason' | 'message' | 'metadata'>;

/** What must be unique among live memberships. */
export function memberKey(organizationId: string, userId: string): string {
  return `${organizationId}:${userId}`;
}

/** Whether the membership is still there, be it suspended. */
export function isLive(row: Pick<MemberRow, 'state'>): boolean {
  return row.state !== 'REMOVED';
}

export function toMember(row: MemberRow): identityV1.Member {
  return {
    id: row._id,
    organizationId: row.organizationId,
    userId: row.userId,
    state: identityV1.MemberState[row.state],
    createTime: row.createTime,
  };
}

export function memberFact(row: MemberRow): identityV1.MemberFact {
  return {
    memberId: row._id,
    organizationId: row.organizationId,
    userId: row.userId,
    liveness: identityV1.MemberLiveness[row.state],
  };
}
