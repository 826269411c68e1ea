import { guardBy } from '@latchkey/facts';
import { type Guard } from '@latchkey/service';
import { connectLatchkey, isUnavailable, type LatchkeyClient, type LatchkeyOptions } from './client';
import { remoteGuard, type RemoteGuardOptions } from './remote-guard';

/** What is remembered of those who call a service that guards itself. */
const MEMORY = { entitiesPerKind: 50_000, unknown: 10_000 };

/** Opens a client for the guard of identity or role, which ends with the app. @throws Error naming a certificate file that cannot be used */
export function openGuard(
  options: Pick<LatchkeyOptions, 'address' | 'tls' | 'log'> & Pick<RemoteGuardOptions, 'findMember'>,
  onStop: (stop: () => Promise<void>) => void,
): Guard {
  const latchkey = connectLatchkey({ ...options, memory: MEMORY });
  onStop(() => latchkey.close());
  return latchkeyGuard(latchkey, options);
}

/**
 * The guard of identity and role: decides about their RPCs from memory, and asks key where memory may not answer. Nothing is
 * ever allowed without an answer.
 */
function latchkeyGuard(latchkey: LatchkeyClient, { findMember }: Pick<RemoteGuardOptions, 'findMember'>): Guard {
  const server = remoteGuard({ authorization: latchkey.authorization, findMember });
  return {
    authorize: async (...args) =>
      await orElse(
        () => guardBy(latchkey.judge).authorize(...args),
        () => server.authorize(...args),
      ),
    identify: async (...args) =>
      await orElse(
        () => guardBy(latchkey.judge).identify(...args),
        () => server.identify(...args),
      ),
  };
}

async function orElse<T>(fromMemory: () => Promise<T>, byServer: () => Promise<T>): Promise<T> {
  try {
    return await fromMemory();
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return await byServer();
  }
}
