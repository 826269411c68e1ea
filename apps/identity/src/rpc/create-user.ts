import { identityV1 } from '@latchkey/proto';
import { type CallContext } from '@latchkey/service';
import { typeid } from 'typeid-js';
import { type Deps } from '../deps';
import { userNotFound } from '../errors';
import { normalizedEmail, toUser, type UserRow } from '../user';

export const createUser =
  ({ mutations, users }: Pick<Deps, 'mutations' | 'users'>) =>
  async (
    { email, displayName }: identityV1.CreateUserRequest,
    ctx: CallContext,
  ): Promise<identityV1.CreateUserResponse> => {
    const { answer } = await mutations.run(ctx, identityV1.CreateUserResponse, async (tx) => {
      const row: UserRow = {
        _id: typeid('user').toString(),
        email: normalizedEmail(email),
        displayName,
        state: 'ACTIVE',
        createTime: tx.now,
        version: 1,
      };
      await users.insert(row, tx.session);
      // The answer is kept for a repeat, and longer than the account may be: it must not keep the address.
      return tx.audited(
        { user: { ...toUser(row), email: '', displayName: '' } },
        {
          organizationId: '',
          object: { kind: 'user', id: row._id },
          changed: ['email', 'display_name', 'state'],
        },
      );
    });
    const userId = answer.user?.id ?? '';
    const row = await users.find(userId);
    if (!row) throw userNotFound(userId);
    return { user: toUser(row) };
  };
