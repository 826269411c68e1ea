import { type identityV1 } from '@latchkey/proto';
import { type UserContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { userNotFound } from '../errors';
import { toUser } from '../user';

export const getUser =
  ({ users }: Pick<Deps, 'users'>) =>
  async (_request: identityV1.GetUserRequest, { userId }: UserContext): Promise<identityV1.GetUserResponse> => {
    const row = await users.find(userId);
    if (row?.state !== 'ACTIVE') throw userNotFound(userId);
    return { user: toUser(row) };
  };
