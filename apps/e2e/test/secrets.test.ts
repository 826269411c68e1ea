import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CallError, readAllDocuments, startTestSuite, type TestSuite } from '@latchkey/testing';
import { newMember, newTenant, newToken } from '@latchkey/testing';

let suite: TestSuite;
beforeAll(async () => {
  suite = await startTestSuite({ env: { all: { LATCHKEY_LOG_LEVEL: 'trace' } } });
}, 120_000);
afterAll(() => suite?.stop(), 60_000);

test('no log line and no stored document of a full run holds a secret', async () => {
  const { api } = suite;
  const tenant = await newTenant(api);
  const { organizationId, workspaceId, admin } = tenant;
  const as = admin.as;
  const leaver = await newMember(api, tenant);
  const secrets = [
    (await newToken(api, organizationId, as)).secret,
    (await newToken(api, organizationId, leaver.as)).secret,
    (await api.serviceKeys.createServiceKey({ organizationId, name: 'bot', workspaceIds: [workspaceId] }, { as }))
      .secret,
  ];
  const bot = { organizationId, name: 'once', workspaceIds: [workspaceId], requestId: 'once' };
  const firstBot = await api.serviceKeys.createServiceKey(bot, { as });
  const botAgain = await api.serviceKeys.createServiceKey(bot, { as });
  expect([botAgain.key?.id, botAgain.secret, botAgain.secretAlreadyShown]).toEqual([firstBot.key?.id, '', true]);
  secrets.push(firstBot.secret);
  const once = { organizationId, name: 'once', requestId: 'once' };
  const first = await api.tokens.createPersonalToken(once, { as });
  const again = await api.tokens.createPersonalToken(once, { as });
  expect([again.token?.id, again.secret, again.secretAlreadyShown]).toEqual([first.token?.id, '', true]);
  secrets.push(first.secret);
  // Rotated ones too: the old secret works on, the new one is there; both once in an answer and nowhere else.
  const rotate = { organizationId, tokenId: first.token?.id, overlap: { seconds: 3600n, nanos: 0 }, requestId: 'turn' };
  const turned = await api.tokens.rotatePersonalToken(rotate, { as });
  const turnedAgain = await api.tokens.rotatePersonalToken(rotate, { as });
  expect([turnedAgain.secret, turnedAgain.secretAlreadyShown]).toEqual(['', true]);
  const { keys } = await api.serviceKeys.listServiceKeys({ organizationId }, { as });
  const turnedKey = await api.serviceKeys.rotateServiceKey({ organizationId, keyId: keys[0]?.id }, { as });
  secrets.push(turned.secret, turnedKey.secret);
  const old = `ls__${randomBytes(16).toString('hex')}`;
  const sha256 = createHash('sha256').update(old).digest('hex');
  await api.legacyKeys.importLegacyKeys({ organizationId, workspaceId, keys: [{ sha256, name: 'old' }] }, { as });
  secrets.push(old);

  // Uses and misuses, each of which some careless line might print.
  for (const secret of [...secrets, `${secrets[0]}x`, secrets[0]?.replace('lk_pat', 'lk_svc') ?? '']) {
    await api.authorization.authorize({ key: secret, permission: 'runs:read', workspaceId });
    await api.authorization.introspectKey({ key: secret });
    await api.authorization.batchAuthorize({
      checks: [
        { key: secret, permission: 'runs:read', workspaceId, organizationId: '' },
        { key: secret, permission: '', workspaceId: secret, organizationId: `${secret}${secret}` },
      ],
    });
    const misuses = [
      api.tokens.rotatePersonalToken({ organizationId, tokenId: first.token?.id }, { as: { key: secret } }),
      api.tokens.enablePersonalToken({ organizationId, tokenId: secret }, { as }),
      api.authorization.authorize({ key: secret, permission: '' }),
      api.authorization.authorize({ key: `${secret}${'y'.repeat(300)}`, permission: 'runs:read' }),
      api.members.removeMember({ organizationId, memberId: secret }, { as }),
      api.workspaces.createWorkspace({ organizationId, name: 'x' }, { as: { key: secret } }),
      api.workspaces.createWorkspace({ organizationId, name: 'y', requestId: secret }, { as }),
      api.tokens.createPersonalToken({ organizationId, name: 'breed' }, { as: { key: secret } }),
    ];
    for (const outcome of await Promise.allSettled(misuses)) {
      if (outcome.status === 'fulfilled') continue;
      expect(outcome.reason).toBeInstanceOf(CallError);
      expect(JSON.stringify(outcome.reason) + String(outcome.reason)).not.toContain(secret);
    }
  }
  await api.members.removeMember({ organizationId, memberId: leaver.memberId }, { as });
  const listed = JSON.stringify([
    await api.tokens.listPersonalTokens({ organizationId }, { as }),
    await api.serviceKeys.listServiceKeys({ organizationId }, { as }),
    await Promise.all(Object.values(api.audit).map((audit) => audit.listAuditEntries({ organizationId }, { as }))),
  ]);
  const stored = (await readAllDocuments(suite.database.uri)).map((document) => JSON.stringify(document));
  const logs = readdirSync(join(suite.dir, 'logs')).map((name) => readFileSync(join(suite.dir, 'logs', name), 'utf8'));
  expect(stored.length).toBeGreaterThan(10);
  expect(logs.join('').length).toBeGreaterThan(100);
  // Documents hold bytes too: a secret in a request record would hide in base64 or hex.
  const forms = (secret: string): string[] => [
    secret,
    Buffer.from(secret).toString('hex'),
    ...[0, 1, 2].map((shift) =>
      Buffer.from('x'.repeat(shift) + secret)
        .toString('base64')
        .slice(4, -4),
    ),
  ];
  for (const form of secrets.flatMap(forms)) {
    expect(form.length).toBeGreaterThan(20);
    expect(listed).not.toContain(form);
    expect(stored.filter((document) => document.includes(form))).toEqual([]);
    expect(logs.filter((log) => log.includes(form))).toEqual([]);
  }
});
