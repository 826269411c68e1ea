import { keyV1 } from '@latchkey/proto';
import { AppError, type CallContext, createLogger, systemContext } from '@latchkey/service';
import { remoteGuard, type RemoteGuardOptions } from '../src/remote-guard';

const ORGANIZATION = 'org_01h455vb4pex5vsknk084sn02q';
const OTHER_ORGANIZATION = 'org_01h455vb4pex5vsknk084sn02r';
const WORKSPACE = 'ws_01h455vb4pex5vsknk084sn02q';
const USER = 'user_01h455vb4pex5vsknk084sn02q';
const MEMBER = 'mem_01h455vb4pex5vsknk084sn02q';
const KEY = 'pat_01h455vb4pex5vsknk084sn02q';

const log = createLogger({ name: 'test', level: 'silent' });
const ctx: CallContext = systemContext('role', { log, timeoutMs: 5_000 });
const byKey = { kind: 'key', secret: 'lk_pat_x' } as const;
const byUser = { kind: 'user', userId: USER } as const;
const principal = { organizationId: ORGANIZATION, principalId: MEMBER, userId: USER, keyId: '', narrowed: false };

const unavailable = new AppError({ code: 'UNAVAILABLE', reason: 'DEPENDENCY_UNAVAILABLE', message: 'away' });

/** A key service that answers as told, and cannot be reached where nothing was told. */
function guardWith(options: Partial<RemoteGuardOptions['authorization']> & Partial<RemoteGuardOptions>) {
  const away = () => Promise.reject(unavailable);
  return remoteGuard({
    authorization: { authorize: away, authorizeUser: away, introspectKey: away, ...options },
    findMember: options.findMember ?? away,
  });
}

const authorized = (
  reason: keyV1.DecisionReason,
  more: Partial<keyV1.AuthorizeResponse> = {},
): keyV1.AuthorizeResponse => ({
  allowed: reason === keyV1.DecisionReason.ALLOWED,
  reason,
  decisionId: 'd1',
  principal: { ...principal, keyId: KEY },
  legacy: undefined,
  ...more,
});

describe('remoteGuard', () => {
  it('asks about a key with its secret, permission and scope, and passes the answer on', async () => {
    const asked: unknown[] = [];
    const guard = guardWith({
      authorize: (question) => {
        asked.push(question);
        return Promise.resolve(authorized(keyV1.DecisionReason.ALLOWED));
      },
    });
    const scope = { organizationId: ORGANIZATION, workspaceId: WORKSPACE };
    expect(await guard.authorize(byKey, 'workspaces:read', scope, ctx)).toEqual({
      allowed: true,
      reason: 'ALLOWED',
      principal: { ...principal, keyId: KEY, viaKey: true, narrowed: false },
    });
    expect(asked).toEqual([
      { key: byKey.secret, permission: 'workspaces:read', organizationId: ORGANIZATION, workspaceId: WORKSPACE },
    ]);
  });

  it('asks about an asserted user as such', async () => {
    const asked: unknown[] = [];
    const guard = guardWith({
      authorizeUser: (question) => {
        asked.push(question);
        return Promise.resolve({ ...authorized(keyV1.DecisionReason.PERMISSION_MISSING), principal });
      },
    });
    expect(await guard.authorize(byUser, 'organization:manage', { organizationId: ORGANIZATION }, ctx)).toEqual({
      allowed: false,
      reason: 'PERMISSION_MISSING',
      principal: { ...principal, viaKey: false, narrowed: false },
    });
    expect(asked).toEqual([
      { userId: USER, permission: 'organization:manage', organizationId: ORGANIZATION, workspaceId: '' },
    ]);
  });

  it.each(Object.values(keyV1.DecisionReason).filter((reason) => reason.startsWith('DECISION_REASON_')))(
    'names %s as the contract does, without the prefix',
    async (reason) => {
      const guard = guardWith({ authorize: () => Promise.resolve(authorized(reason, { principal: undefined })) });
      const outcome = await guard.authorize(byKey, 'x:read', { organizationId: ORGANIZATION }, ctx);
      expect(outcome).toEqual({
        allowed: reason === keyV1.DecisionReason.ALLOWED,
        reason: reason.replace('DECISION_REASON_', ''),
      });
    },
  );

  it('never allows without an answer: key or identity away is UNAVAILABLE with a hint to retry', async () => {
    const guard = guardWith({});
    const scope = { organizationId: ORGANIZATION };
    for (const credential of [byKey, byUser]) {
      for (const call of [
        () => guard.authorize(credential, 'x:read', scope, ctx),
        () => guard.identify(credential, ORGANIZATION, ctx),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: expect.any(Number) as number });
      }
    }
  });

  it('does not believe an answer that contradicts itself', async () => {
    const { ALLOWED, PERMISSION_MISSING } = keyV1.DecisionReason;
    for (const [reason, allowed] of [
      [PERMISSION_MISSING, true],
      [ALLOWED, false],
    ] as const) {
      const guard = guardWith({ authorize: () => Promise.resolve(authorized(reason, { allowed })) });
      await expect(guard.authorize(byKey, 'x:read', { organizationId: ORGANIZATION }, ctx)).rejects.toThrow('allowed');
    }
  });

  it('identifies a key by introspection, and only in its own organization', async () => {
    const guard = guardWith({
      introspectKey: () =>
        Promise.resolve({
          active: true,
          reason: keyV1.DecisionReason.ALLOWED,
          principal: { ...principal, keyId: KEY },
          legacy: undefined,
        }),
    });
    expect((await guard.identify(byKey, ORGANIZATION, ctx)).reason).toBe('ALLOWED');
    expect((await guard.identify(byKey, OTHER_ORGANIZATION, ctx)).reason).toBe('WRONG_ORGANIZATION');
  });

  it('keeps a dead key dead, whatever organization is asked for', async () => {
    const reason = keyV1.DecisionReason.KEY_REVOKED;
    const guard = guardWith({
      introspectKey: () => Promise.resolve({ active: false, reason, principal: undefined, legacy: undefined }),
    });
    expect(await guard.identify(byKey, OTHER_ORGANIZATION, ctx)).toEqual({
      reason: 'KEY_REVOKED',
      principal: undefined,
    });
  });

  it('identifies an asserted user by the live membership, and nobody without one', async () => {
    const found = (member: { memberId: string; active: boolean } | undefined) =>
      guardWith({ findMember: () => Promise.resolve(member) }).identify(byUser, ORGANIZATION, ctx);
    expect(await found({ memberId: MEMBER, active: true })).toEqual({
      reason: 'ALLOWED',
      principal: { ...principal, viaKey: false, narrowed: false },
    });
    expect(await found({ memberId: MEMBER, active: false })).toEqual({ reason: 'PRINCIPAL_REMOVED' });
    expect(await found(undefined)).toEqual({ reason: 'PRINCIPAL_REMOVED' });
  });
});
