import { type Guard } from '@latchkey/service';
import { type Judge } from './judge';

/** Guards a service's own RPCs with the very decisions that are given to others. */
export function guardBy(judge: Judge): Guard {
  return {
    async authorize(credential, permission, { organizationId, workspaceId = '' }, { caller }) {
      const question = { permission, organizationId, workspaceId };
      return credential.kind === 'key'
        ? await judge.judgeKey(credential.secret, question, caller)
        : await judge.judgeUser(credential.userId, question, caller);
    },

    async identify(credential, organizationId, { caller }) {
      if (credential.kind === 'user') return await judge.identifyUser(credential.userId, organizationId, caller);
      const verdict = await judge.identifyKey(credential.secret, caller);
      const foreign = verdict.allowed && verdict.principal?.organizationId !== organizationId;
      return foreign ? { ...verdict, allowed: false, reason: 'WRONG_ORGANIZATION' } : verdict;
    },
  };
}
