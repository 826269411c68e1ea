import { type keyV1 } from '@latchkey/proto';
import { callerOnly, rpc, type RpcTable, self } from '@latchkey/service';
import { type Deps } from './deps';
import { createPersonalToken } from './rpc/create-personal-token';
import { deletePersonalToken } from './rpc/delete-personal-token';
import { disablePersonalToken } from './rpc/disable-personal-token';
import { enablePersonalToken } from './rpc/enable-personal-token';
import { getPersonalToken } from './rpc/get-personal-token';
import { listPersonalTokens } from './rpc/list-personal-tokens';
import { revokeMemberTokens } from './rpc/revoke-member-tokens';
import { rotatePersonalToken } from './rpc/rotate-personal-token';
import { updatePersonalToken } from './rpc/update-personal-token';

export const personalTokenTable = (deps: Deps) => {
  const own = self({ organization: 'organizationId' });
  // What gives access, or gives it back, a leaked token must not do.
  const signedIn = self({ organization: 'organizationId', bearer: false });
  return {
    createPersonalToken: rpc(
      // A leaked token must not breed: only the signed-in person makes another.
      self({ organization: 'organizationId', permission: 'organization:pats:create', bearer: false }),
      createPersonalToken(deps),
    ),
    getPersonalToken: rpc(own, getPersonalToken(deps)),
    listPersonalTokens: rpc(own, listPersonalTokens(deps)),
    updatePersonalToken: rpc(own, updatePersonalToken(deps)),
    disablePersonalToken: rpc(own, disablePersonalToken(deps)),
    enablePersonalToken: rpc(signedIn, enablePersonalToken(deps)),
    rotatePersonalToken: rpc(signedIn, rotatePersonalToken(deps)),
    deletePersonalToken: rpc(own, deletePersonalToken(deps)),
    revokeMemberTokens: rpc(callerOnly('worker'), revokeMemberTokens(deps)),
  } satisfies RpcTable<keyV1.PersonalTokenServiceService>;
};
