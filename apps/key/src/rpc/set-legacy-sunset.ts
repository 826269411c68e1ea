import { keyV1 } from '@latchkey/proto';
import { type PrincipalContext } from '@latchkey/service';
import { type Deps } from '../deps';

export const setLegacySunset =
  ({ mutations, sunsets }: Pick<Deps, 'mutations' | 'sunsets'>) =>
  async (request: keyV1.SetLegacySunsetRequest, ctx: PrincipalContext): Promise<keyV1.SetLegacySunsetResponse> => {
    const { organizationId, sunsetTime } = request;
    const { answer } = await mutations.run(ctx, keyV1.SetLegacySunsetResponse, async (tx) => {
      tx.changed('sunset', organizationId);
      // The contract requires the field, and that was checked before; its type cannot know.
      if (!sunsetTime) throw new TypeError('a request without sunset_time has passed validation');
      const moved = await sunsets.set(organizationId, sunsetTime, tx.session);
      if (!moved) return tx.unchanged({ sunsetTime });
      return tx.audited(
        { sunsetTime },
        { organizationId, object: { kind: 'organization', id: organizationId }, changed: ['legacy_sunset_time'] },
      );
    });
    return answer;
  };
