import { identityV1 } from '@latchkey/proto';

export interface UserRow {
  /** A user_ id. */
  _id: string;
  /** Lower case, unique. A tombstone has none: nothing here remembers whose account it was. */
  email?: string;
  displayName: string;
  state: 'ACTIVE' | 'DELETED';
  createTime: Date;
  /**
   * Counts what happens to the account's memberships: joining one and deleting the account both write it, so they are
   * serial.
   */
  version: number;
}

export function normalizedEmail(email: string): string {
  return email.toLowerCase();
}

export function toUser(row: UserRow): identityV1.User {
  return {
    id: row._id,
    email: row.email ?? '',
    displayName: row.displayName,
    state: identityV1.UserState[row.state],
    createTime: row.createTime,
  };
}
