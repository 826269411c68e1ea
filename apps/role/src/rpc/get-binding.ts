import { type roleV1 } from '@latchkey/proto';
import { toProtoBinding } from '../binding';
import { type Deps } from '../deps';
import { principalNotFound } from '../errors';

export const getBinding =
  ({ bindings }: Pick<Deps, 'bindings'>) =>
  async ({ organizationId, principalId }: roleV1.GetBindingRequest): Promise<roleV1.GetBindingResponse> => {
    const binding = await bindings.findLive(organizationId, principalId);
    if (binding === undefined) throw principalNotFound(principalId);
    return { binding: toProtoBinding(binding) };
  };
