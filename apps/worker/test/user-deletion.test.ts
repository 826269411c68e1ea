import { type eventsV1 } from '@latchkey/proto';
import { cleanUp, type Owners } from '../src/user-deletion';

const EVENT: eventsV1.UserDeletionRequested = { deletionId: 'del_1', organizationId: 'org_1', memberId: 'mem_1' };

function owners(batches: { deletedInAll: number; more: boolean }[]) {
  const calls: string[] = [];
  let next = 0;
  const all: Owners = {
    tokens: {
      revokeMemberTokens: () => {
        calls.push('revoke');
        return Promise.resolve(batches[Math.min(next++, batches.length - 1)]!);
      },
    },
    bindings: {
      removePrincipal: () => {
        calls.push('remove');
        return Promise.resolve({ rolesRemoved: 3 });
      },
    },
    deletions: {
      completeDeletion: ({ tokensDeleted, rolesRemoved }) => {
        calls.push(`complete ${tokensDeleted} ${rolesRemoved}`);
        return Promise.resolve({ deletion: undefined });
      },
    },
  };
  return { calls, all };
}

describe('what hangs on a removed membership goes', () => {
  it('takes tokens batch by batch, then roles, and only then reports it done, with totals', async () => {
    const { calls, all } = owners([
      { deletedInAll: 200, more: true },
      { deletedInAll: 250, more: false },
    ]);
    expect(await cleanUp(EVENT, all)).toEqual({ tokensDeleted: 250, rolesRemoved: 3 });
    expect(calls).toEqual(['revoke', 'revoke', 'remove', 'complete 250 3']);
  });

  it('does not report done what failed on the way', async () => {
    const { calls, all } = owners([{ deletedInAll: 1, more: false }]);
    const failing: Owners = { ...all, bindings: { removePrincipal: () => Promise.reject(new Error('role is away')) } };
    await expect(cleanUp(EVENT, failing)).rejects.toThrow('role is away');
    expect(calls).toEqual(['revoke']);
  });

  it('ends although key says "more" for ever', async () => {
    const { calls, all } = owners([{ deletedInAll: 0, more: true }]);
    await expect(cleanUp(EVENT, all)).rejects.toThrow('still tokens');
    expect(calls).not.toContain('remove');
  });
});
