import { type Guard } from '@latchkey/service';
import { type Judge } from './verdict';

/** This service guards its own RPCs with the very decisions that it gives to others, without a call to itself. */
export function localGuard(judge: Judge): Guard {
  return {
    async authorize(credential, permission, { organizationId, workspaceId = '' }, ctx) {
      const question = { permission, organizationId, workspaceId };
      return credential.kind === 'key'
        ? await judge.judgeKey(credential.secret, question, ctx)
        : await judge.judgeUser(credential.userId, question, ctx);
    },

    async identify(credential, organizationId, ctx) {
      if (credential.kind === 'user') return await judge.identifyUser(credential.userId, organizationId, ctx);
      const verdict = await judge.identifyKey(credential.secret, ctx);
      const foreign = verdict.allowed && verdict.principal?.organizationId !== organizationId;
      return foreign ? { ...verdict, allowed: false, reason: 'WRONG_ORGANIZATION' } : verdict;
    },
  };
}
