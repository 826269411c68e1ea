import { type keyV1 } from '@latchkey/proto';
import { callerOnly, rpc, type RpcTable, stream } from '@latchkey/service';
import { type Deps } from './deps';
import { authorize } from './rpc/authorize';
import { authorizeUser } from './rpc/authorize-user';
import { batchAuthorize } from './rpc/batch-authorize';
import { introspectKey } from './rpc/introspect-key';
import { watchGrants } from './rpc/watch-grants';

/** @param checkers callers that may ask about keys, besides the services that guard their own RPCs by it */
export const authorizationTable = (deps: Pick<Deps, 'judge' | 'holders' | 'brand'>, checkers: readonly string[]) => {
  const services = ['identity', 'role'] as const;
  const check = callerOnly(...new Set([...services, ...checkers]));
  return {
    authorize: rpc(check, authorize(deps)),
    batchAuthorize: rpc(check, batchAuthorize(deps)),
    authorizeUser: rpc(callerOnly(...services), authorizeUser(deps)),
    introspectKey: rpc(check, introspectKey(deps)),
    watchGrants: stream(check, watchGrants(deps)),
  } satisfies RpcTable<keyV1.AuthorizationServiceService>;
};
