import { type identityV1 } from '@latchkey/proto';
import { type Deps } from '../deps';
import { emailNotFound } from '../errors';
import { normalizedEmail, toUser } from '../user';

export const lookupUser =
  ({ users }: Pick<Deps, 'users'>) =>
  async ({ email }: identityV1.LookupUserRequest): Promise<identityV1.LookupUserResponse> => {
    const row = await users.findByEmail(normalizedEmail(email));
    if (!row) throw emailNotFound();
    return { user: toUser(row) };
  };
