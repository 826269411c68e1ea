import { type identityV1 } from '@latchkey/proto';
import { callerOnly, rpc, type RpcTable, selfUser } from '@latchkey/service';
import { type Deps } from './deps';
import { createUser } from './rpc/create-user';
import { deleteUser } from './rpc/delete-user';
import { getUser } from './rpc/get-user';
import { lookupUser } from './rpc/lookup-user';

export const userTable = (deps: Deps) =>
  ({
    createUser: rpc(callerOnly(...deps.config.frontEnds), createUser(deps)),
    getUser: rpc(selfUser(), getUser(deps)),
    lookupUser: rpc(callerOnly(...deps.config.frontEnds), lookupUser(deps)),
    deleteUser: rpc(callerOnly(...deps.config.frontEnds), deleteUser(deps)),
  }) satisfies RpcTable<identityV1.UserServiceService>;
