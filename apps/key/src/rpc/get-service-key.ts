import { type keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';
import { keyNotFound } from '../errors';
import { serviceKey } from '../key';

export const getServiceKey =
  ({ keys, usage, now }: Pick<Deps, 'keys' | 'usage' | 'now'>) =>
  async (request: keyV1.GetServiceKeyRequest, _ctx: PrincipalContext): Promise<keyV1.GetServiceKeyResponse> => {
    const key = await keys.findServiceKey(request.organizationId, request.keyId);
    if (!key) throw keyNotFound(request.keyId);
    const used = await usage.find([key._id]);
    return { key: serviceKey(key, new Date(now()), used.get(key._id)) };
  };
