import { type identityV1 } from '@latchkey/proto';
import { callerOnly, rpc, type RpcTable } from '@latchkey/service';
import { type Deps } from './deps';
import { findMemberFact, getMemberFact, getOrganizationFact, getWorkspaceFact } from './rpc/facts';

export const factTable = (deps: Deps) =>
  ({
    getOrganizationFact: rpc(callerOnly('key', 'role'), getOrganizationFact(deps)),
    getWorkspaceFact: rpc(callerOnly('key', 'role'), getWorkspaceFact(deps)),
    getMemberFact: rpc(callerOnly('key', 'role'), getMemberFact(deps)),
    findMemberFact: rpc(callerOnly('key', 'role'), findMemberFact(deps)),
  }) satisfies RpcTable<identityV1.FactServiceService>;
