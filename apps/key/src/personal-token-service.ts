import { type keyV1 } from '@latchkey/proto';
import { callerOnly, rpc, type RpcTable, self } from '@latchkey/service';
import { type Deps } from './deps';
import { createPersonalToken } from './rpc/create-personal-token';
import { deletePersonalToken } from './rpc/delete-personal-token';
import { getPersonalToken } from './rpc/get-personal-token';
import { listPersonalTokens } from './rpc/list-personal-tokens';
import { revokeMemberTokens } from './rpc/revoke-member-tokens';

export const personalTokenTable = (deps: Deps) => {
  const own = self({ organization: 'organizationId' });
  return {
    createPersonalToken: rpc(
      // A leaked token must not breed: only the signed-in person makes another.
      self({ organization: 'organizationId', permission: 'organization:pats:create', bearer: false }),
      createPersonalToken(deps),
    ),
    getPersonalToken: rpc(own, getPersonalToken(deps)),
    listPersonalTokens: rpc(own, listPersonalTokens(deps)),
    deletePersonalToken: rpc(own, deletePersonalToken(deps)),
    revokeMemberTokens: rpc(callerOnly('worker'), revokeMemberTokens(deps)),
  } satisfies RpcTable<keyV1.PersonalTokenServiceService>;
};
