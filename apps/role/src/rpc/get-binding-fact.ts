import { type roleV1 } from '@latchkey/proto';
import { toProtoBinding } from '../binding';
import { type Deps } from '../deps';

export const getBindingFact =
  ({ bindings }: Pick<Deps, 'bindings'>) =>
  async ({ principalId }: roleV1.GetBindingFactRequest): Promise<roleV1.GetBindingFactResponse> => {
    const binding = await bindings.findForFacts(principalId);
    return { binding: binding && toProtoBinding(binding) };
  };
