import { auditV1 } from '@latchkey/proto';
import { AppError, type CallContext } from '@latchkey/service';
import type mongoose from 'mongoose';
import { typeid } from 'typeid-js';
import { type AuditQuery, Mutations } from '../src';
import { AnswerCodec, call, capturedLog, connectTo, startTestDatabase, type TestDatabase, wireTo } from './harness';

const { SUCCEEDED, REFUSED } = auditV1.AuditOutcome;
const MISSING = new AppError({ code: 'PERMISSION_DENIED', reason: 'PERMISSION_MISSING', message: 'free text' });

let database: TestDatabase;
let connection: mongoose.Connection;
let mutations: Mutations;
let now: Date;
let organizationId: string;

beforeAll(async () => {
  database = await startTestDatabase();
  connection = await database.open();
  mutations = new Mutations({ connection, log: capturedLog().log, now: () => now });
  await mutations.prepare();
});
afterAll(async () => {
  await database.stop();
});
beforeEach(() => {
  now = new Date('2025-01-01T00:00:00Z');
  organizationId = typeid('org').toString();
});

async function change(objectIds: string[], ctx: CallContext = call()): Promise<void> {
  const changed = ['name', 'state'];
  const changes = objectIds.map((id) => ({ organizationId, object: { kind: 'thing', id }, changed }));
  await mutations.run(ctx, AnswerCodec, (tx) => Promise.resolve(tx.audited({ name: '' }, ...changes)));
}

const list = async (query: Partial<AuditQuery> = {}): Promise<auditV1.ListAuditEntriesResponse> =>
  await mutations.listAudit({ organizationId, ...query });
const objects = async (query: Partial<AuditQuery> = {}): Promise<string[]> =>
  (await list(query)).entries.map((entry) => entry.objectId);

describe('the audit trail', () => {
  it('names actor, credential, caller, action, object, fields and outcome', async () => {
    const id = typeid('mem').toString();
    await change([id], call({ requestId: 'r-1' }));
    expect((await list()).entries).toEqual([
      {
        id: expect.stringMatching(/^aud_/) as string,
        time: now,
        organizationId,
        actor: { userId: 'user_alice', principalId: 'mem_alice', keyId: 'pat_alice' },
        caller: 'ops',
        action: 'latchkey.test.v1.ThingService/CreateThing',
        objectKind: 'thing',
        objectId: id,
        outcome: SUCCEEDED,
        reason: '',
        changedFields: ['name', 'state'],
        requestId: 'r-1',
      },
    ]);
  });

  it('refused-mutations-are-audited: with the reason, and no word of its message', async () => {
    await mutations.refused(call(), { organizationId, object: { kind: 'member', id: '' }, error: MISSING });
    const { entries } = await list();
    expect(entries).toMatchObject([
      { outcome: REFUSED, reason: 'PERMISSION_MISSING', objectKind: 'member', time: now },
    ]);
    expect(
      JSON.stringify(await connection.collection('audit_entries').find({ organizationId }).toArray()),
    ).not.toContain('free text');
  });

  it('a refusal stays a refusal when the trail cannot be written', async () => {
    const wire = await wireTo(database.uri);
    const remote = await connectTo(wire.uri, connection.name);
    const { log, lines } = capturedLog();
    try {
      wire.cut();
      await new Mutations({ connection: remote, log }).refused(call(), { organizationId, error: MISSING });
      expect(lines.join('')).toContain('a refusal could not be recorded');
    } finally {
      wire.mend();
      await remote.close();
      await wire.close();
    }
  });

  it('no-secret-in-the-trail: whatever a request used as an id', async () => {
    const secret = `lk_pat_${'aB3'.repeat(17).slice(0, 49)}`;
    const legacy = 'ls__0123456789abcdef';
    for (const text of [secret, legacy]) {
      const ctx = call({ requestId: text });
      await change([text], { ...ctx, rpc: `${ctx.rpc}${text.length}` });
      await mutations.refused(ctx, { organizationId: text, object: { kind: 'thing', id: text }, error: MISSING });
    }
    const all = JSON.stringify(await connection.collection('audit_entries').find({}).toArray());
    expect(all).not.toContain(secret);
    expect(all).not.toContain(legacy);
    expect(await objects()).toEqual(['(not an id)', '(not an id)']);
  });

  it('newest-first-by-pages: every entry once, whatever the page size, and none of another organization', async () => {
    for (const batch of ['ab', 'cde', 'f', 'g']) await change([...batch]);
    const other = organizationId;
    organizationId = typeid('org').toString();
    await change(['foreign']);
    organizationId = other;
    expect(await objects()).toEqual([...'gfedcba']);
    for (const pageSize of [1, 2, 3, 7, 200]) {
      const seen: string[] = [];
      let pageToken = '';
      do {
        const page = await list({ pageSize, pageToken });
        expect(page.entries.length).toBeLessThanOrEqual(pageSize);
        seen.push(...page.entries.map((entry) => entry.objectId));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(seen).toEqual([...'gfedcba']);
    }
  });

  it('filters by action, object, principal and time', async () => {
    await change(['a']);
    now = new Date('2025-01-02T00:00:00Z');
    await change(['b'], call({ actor: { principalId: 'svc_machine' } }));
    now = new Date('2025-01-03T00:00:00Z');
    await change(['a'], call({ rpc: 'latchkey.test.v1.ThingService/DeleteThing', actor: undefined, caller: 'worker' }));
    expect(await objects({ objectId: 'a' })).toEqual(['a', 'a']);
    expect(await objects({ principalId: 'svc_machine' })).toEqual(['b']);
    expect(await objects({ action: 'latchkey.test.v1.ThingService/DeleteThing' })).toEqual(['a']);
    expect(await objects({ objectId: 'a', principalId: 'svc_machine' })).toEqual([]);
    expect(await objects({ since: new Date('2025-01-02T00:00:00Z') })).toEqual(['a', 'b']);
    expect(await objects({ until: new Date('2025-01-02T00:00:00Z') })).toEqual(['a']);
    expect((await list({ action: 'latchkey.test.v1.ThingService/DeleteThing' })).entries).toMatchObject([
      { actor: { userId: '', principalId: '', keyId: '' }, caller: 'worker' },
    ]);
  });

  it('refuses a page token that is none, and never gives more than 200 entries', async () => {
    for (const pageToken of ['x', 'AAAA', Buffer.from('{"$gt":""}').toString('base64url')]) {
      await expect(list({ pageToken })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        violations: [{ field: 'page_token' }],
      });
    }
    await change(Array.from({ length: 203 }, () => 'many'));
    for (const pageSize of [-1, 0, 200, 5_000]) {
      expect((await list({ pageSize })).entries).toHaveLength({ [-1]: 1, 0: 50 }[pageSize] ?? 200);
    }
  });
});
