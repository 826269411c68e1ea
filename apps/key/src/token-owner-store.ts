import { startOverIfDuplicate } from '@latchkey/coherence';
import { type ClientSession, type Connection, Schema } from 'mongoose';

/**
 * One document per member that ever had a token. Creating, deleting and revoking tokens all write it, which makes them
 * serial: no token can slip in between the sweep that finds none left and its commit.
 */
export interface TokenOwner {
  /** The member. */
  _id: string;
  organizationId: string;
  /** Live tokens. */
  live: number;
  /** Tokens that were revoked because the member was removed. */
  revoked: number;
  /** Set by the first sweep after the member's removal: no token is created any more. */
  closed: boolean;
}

const schema = new Schema<TokenOwner>(
  {
    _id: { type: String, required: true },
    organizationId: { type: String, required: true },
    live: { type: Number, required: true },
    revoked: { type: Number, required: true },
    closed: { type: Boolean, required: true },
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);

export type TokenOwnerStore = ReturnType<typeof tokenOwnerStore>;

export function tokenOwnerStore(connection: Connection) {
  const owners = connection.model<TokenOwner>('TokenOwner', schema, 'token_owners');
  return {
    async prepare(): Promise<void> {
      await owners.createCollection();
    },

    /** Adds to the counts of a member, which starts at zero, and answers what they are then. */
    async count(
      member: { memberId: string; organizationId: string },
      change: { live: number; revoked?: number; closed?: true },
      session: ClientSession,
    ): Promise<TokenOwner> {
      const { live, revoked = 0, closed } = change;
      const update = {
        $inc: { live, revoked },
        $setOnInsert: { organizationId: member.organizationId, ...(!closed && { closed: false }) },
        ...(closed && { $set: { closed } }),
      };
      const options = { session, upsert: true, returnDocument: 'after' } as const;
      return await startOverIfDuplicate(() =>
        owners.findOneAndUpdate({ _id: member.memberId }, update, options).lean<TokenOwner>().orFail(),
      );
    },
  };
}
