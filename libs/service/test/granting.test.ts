import { createLogger, granting, permission, type PrincipalContext, systemContext } from '@latchkey/service';

const principal = {
  organizationId: 'org_1',
  principalId: 'mem_1',
  userId: 'user_1',
  keyId: 'pat_1',
  viaKey: true,
  narrowed: false,
};

async function admit(narrowed: boolean) {
  const rule = granting(permission('organization:manage-members', { organization: 'organizationId' }));
  const outcome = { allowed: true, reason: 'ALLOWED', principal: { ...principal, narrowed } };
  return rule.admit(
    { organizationId: 'org_1' },
    systemContext('ops', { log: createLogger({ name: 'test', level: 'silent' }), timeoutMs: 1_000 }),
    {
      caller: 'ops',
      credential: { kind: 'key', secret: 'secret' },
      frontEnds: new Set(),
      guard: { authorize: () => Promise.resolve(outcome), identify: () => Promise.resolve(outcome) },
    },
  );
}

test('a narrowed key is admitted by no rule that grants, and is named in the refusal', async () => {
  const refused = await admit(true);
  expect(refused).toMatchObject({ ok: false, error: { code: 'PERMISSION_DENIED', reason: 'NARROWED_KEY' } });
  expect(refused.ok ? undefined : refused.actor).toMatchObject({ principalId: 'mem_1', keyId: 'pat_1' });
});

test('one that is not narrowed is', async () => {
  const admitted = await admit(false);
  expect(admitted.ok && (admitted.ctx satisfies PrincipalContext).principal.principalId).toBe('mem_1');
});
