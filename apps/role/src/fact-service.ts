import { type roleV1 } from '@latchkey/proto';
import { callerOnly, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { getBindingFact } from './rpc/get-binding-fact';
import { getCatalogueFact } from './rpc/get-catalogue-fact';
import { getRoleFact } from './rpc/get-role-fact';

// No actor, no guard: the guard itself asks these.
export const factTable = (deps: Deps) =>
  ({
    getBindingFact: rpc(callerOnly('key', 'identity'), getBindingFact(deps)),
    getRoleFact: rpc(callerOnly('key', 'identity'), getRoleFact(deps)),
    getCatalogueFact: rpc(callerOnly('key', 'identity'), getCatalogueFact(deps)),
  }) satisfies RpcTable<roleV1.FactServiceService>;
