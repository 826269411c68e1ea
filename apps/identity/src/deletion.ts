import { identityV1 } from '@latchkey/proto';

export interface DeletionRow {
  /** A del_ id. */
  _id: string;
  organizationId: string;
  /** Unique: a membership ends once. */
  memberId: string;
  userId: string;
  state: 'PENDING' | 'COMPLETED';
  /** How many jobs were added to the queue for it. */
  attempts: number;
  createTime: Date;
  completeTime?: Date;
  tokensDeleted: number;
  rolesRemoved: number;
}

/**
 * The id of the job that the next attempt adds. Each has its own, since BullMQ silently ignores an id that it has seen,
 * be its job failed or done; and no ':', which BullMQ reserves.
 */
export function jobId(deletion: Pick<DeletionRow, '_id' | 'attempts'>): string {
  return deletion.attempts === 0 ? `ud-${deletion._id}` : `ud-${deletion._id}-r${deletion.attempts}`;
}

export function toDeletion(row: DeletionRow): identityV1.Deletion {
  return {
    id: row._id,
    organizationId: row.organizationId,
    memberId: row.memberId,
    userId: row.userId,
    state: identityV1.DeletionState[row.state],
    attempts: row.attempts,
    createTime: row.createTime,
    completeTime: row.completeTime,
    tokensDeleted: row.tokensDeleted,
    rolesRemoved: row.rolesRemoved,
  };
}
