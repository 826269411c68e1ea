import { guardBy } from '@latchkey/facts';
import { type Guard } from '@latchkey/service';
import { isUnavailable, type LatchkeyClient } from './client';
import { remoteGuard, type RemoteGuardOptions } from './remote-guard';

/**
 * The guard of identity and role: decides about their RPCs from memory, and asks key where memory may not answer. Nothing is
 * ever allowed without an answer.
 */
export function latchkeyGuard(latchkey: LatchkeyClient, { findMember }: Pick<RemoteGuardOptions, 'findMember'>): Guard {
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
