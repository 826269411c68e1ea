import { type ClientSession, type Connection, Schema } from 'mongoose';
import { isDuplicate } from './duplicate';
import { emailTaken } from './errors';
import { type UserRow } from './user';

const schema = new Schema<UserRow>(
  {
    _id: { type: String, required: true },
    email: String,
    // Not `required`: mongoose takes that to forbid the empty string too.
    displayName: String,
    state: { type: String, required: true },
    createTime: { type: Date, required: true },
    version: { type: Number, required: true },
  },
  { autoCreate: false, autoIndex: false, versionKey: false },
);
schema.index({ email: 1 }, { unique: true, sparse: true });

export type UserStore = ReturnType<typeof userStore>;

export function userStore(connection: Connection) {
  const users = connection.model<UserRow>('User', schema, 'users');
  return {
    async prepare(): Promise<void> {
      await users.createCollection();
      await users.createIndexes();
    },

    /** @throws AppError ALREADY_EXISTS (EMAIL_TAKEN) */
    async insert(row: UserRow, session: ClientSession): Promise<void> {
      try {
        await users.insertMany([row], { session });
      } catch (error) {
        throw isDuplicate(error, 'email') ? emailTaken() : error;
      }
    },

    async find(userId: string, session?: ClientSession): Promise<UserRow | undefined> {
      return (await users.findById(userId, null, { session }).lean<UserRow>()) ?? undefined;
    },

    /** The live account with this lower-case address. */
    async findByEmail(email: string): Promise<UserRow | undefined> {
      return (await users.findOne({ email }).lean<UserRow>()) ?? undefined;
    },

    /**
     * Writes the account, so that nobody deletes it while a membership of it comes to be; false when it is not live.
     */
    async touch(userId: string, session: ClientSession): Promise<boolean> {
      const filter = { _id: userId, state: 'ACTIVE' } as const;
      return (await users.updateOne(filter, { $inc: { version: 1 } }, { session })).matchedCount === 1;
    },

    /** Leaves a tombstone without an address; false when the account is not live. */
    async remove(userId: string, session: ClientSession): Promise<boolean> {
      const filter = { _id: userId, state: 'ACTIVE' } as const;
      const change = { $set: { state: 'DELETED' }, $unset: { email: 1 }, $inc: { version: 1 } } as const;
      return (await users.updateOne(filter, change, { session })).matchedCount === 1;
    },
  };
}
