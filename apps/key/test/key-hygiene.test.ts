import { randomBytes } from 'node:crypto';
import { ENTITY_KINDS, LiveReplica, openCoherence } from '@latchkey/coherence';
import { hashSecret, judge, newSecret, type Value } from '@latchkey/facts';
import { keyV1 } from '@latchkey/proto';
import { systemContext } from '@latchkey/service';
import { eventually } from '@latchkey/testing';
import { keyConfig } from '../src/config';
import { type FactSource } from '../src/fact-source';
import { fillFrom } from '../src/fill';
import { memoryOf } from '../src/memory';
import { Misses } from '../src/misses';
import { batchAuthorize } from '../src/rpc/batch-authorize';
import { createPersonalToken } from '../src/rpc/create-personal-token';
import { context, log, settle, startWorld, type World } from './world';

const LIMITS = { entitiesPerKind: 20, unknown: 50 };

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const invented = () => newSecret('lk', 'PERSONAL', randomBytes(32));

/** One replica with a memory of its own over the real database, and a clock to turn for what callers may have read. */
async function replicaOf({ perSecond, burst }: { perSecond: number; burst: number }) {
  let keyReads = 0;
  const source: FactSource = {
    ...world.deps.source,
    findKey: (hash) => {
      keyReads += 1;
      return world.deps.source.findKey(hash);
    },
  };
  const clock = { ms: 0 };
  const misses = new Misses({ perSecond, burst }, () => clock.ms);
  const options = { mongoUri: world.uri, redisUrl: undefined, leaseMs: 5_000, log };
  const coherence = await openCoherence(options, (stop) => stops.push(stop));
  const replica = new LiveReplica<Value>({
    ...coherence,
    kinds: ENTITY_KINDS,
    limits: LIMITS,
    admit: (caller, subject) => misses.admit(caller, subject),
    load: fillFrom(source, () => systemContext('key', { log, timeoutMs: 2_000 })),
    log,
  });
  replica.start();
  stops.push(() => replica.leave());
  await eventually(() => expect(replica.serving).toBe(true));
  return {
    replica,
    judge: judge({ memory: memoryOf(replica, Date.now), brand: 'lk' }),
    clock,
    keyReads: () => keyReads,
  };
}

/** A live token, and what it is asked about. */
async function liveToken() {
  const place = settle(world.memory);
  const { organizationId, workspaceId } = place;
  const request = { organizationId, name: 'laptop', expireTime: undefined, permissions: [], requestId: '' };
  const { secret } = await createPersonalToken(world.deps)(request, context('CreatePersonalToken', place));
  return { ...place, secret, question: { permission: 'projects:read', workspaceId, organizationId: '' } };
}

describe('unknown keys', () => {
  test('flood-of-unknown-keys-evicts-no-live-entry, and takes no more memory than its own', async () => {
    const { judge, keyReads } = await replicaOf({ perSecond: 1, burst: 1_000_000 });
    const { secret, question } = await liveToken();
    await judge.judgeKey(secret, question);

    // More than fit in either memory; not more at once than can be read within a lease.
    const flood = Array.from({ length: 4 * LIMITS.unknown }, invented);
    for (let i = 0; i < flood.length; i += LIMITS.unknown) {
      const answers = await Promise.all(
        flood.slice(i, i + LIMITS.unknown).map(async (each) => judge.judgeKey(each, question)),
      );
      expect(new Set(answers.map(({ reason }) => reason))).toEqual(new Set(['UNKNOWN_KEY']));
    }

    const reads = keyReads();
    // No promise: from memory, all of it.
    expect(judge.judgeKey(secret, question)).toMatchObject({ allowed: true, reason: 'ALLOWED' });
    const remembered = flood.slice(-LIMITS.unknown);
    for (const each of remembered) expect(judge.judgeKey(each, question)).toMatchObject({ reason: 'UNKNOWN_KEY' });
    expect(keyReads()).toBe(reads);
    // Those before them are forgotten, or memory would have no bound.
    for (const each of flood.slice(0, 10)) await judge.judgeKey(each, question);
    expect(keyReads()).toBe(reads + 10);
  });
});

describe('a caller whose checks cause too many reads', () => {
  const BURST = 20;
  const LIMITED = { code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_MISSES', retryAfterMs: 1_000 };

  /** One replica, and a caller that has used up all its look-ups of keys. */
  async function flooded() {
    const it = await replicaOf({ perSecond: 5, burst: BURST });
    const token = await liveToken();
    await it.judge.judgeKey(token.secret, token.question, 'web');
    const look = (caller: string) => it.judge.judgeKey(invented(), token.question, caller);
    for (let i = 1; i < BURST; i++) await look('web');
    return { ...it, ...token, look };
  }

  test('limited-caller-reads-no-more, until time has passed', async () => {
    const { look, keyReads, clock } = await flooded();
    const reads = keyReads();
    for (let i = 0; i < 10; i++) await expect(look('web')).rejects.toMatchObject(LIMITED);
    expect(keyReads()).toBe(reads);
    clock.ms += 1_000;
    for (let i = 0; i < 5; i++) expect(await look('web')).toMatchObject({ reason: 'UNKNOWN_KEY' });
    await expect(look('web')).rejects.toMatchObject(LIMITED);
    expect(keyReads()).toBe(reads + 5);
  });

  test('limited-caller-keeps-what-memory-answers, and harms no other caller', async () => {
    const { judge, look, secret, question } = await flooded();
    expect(judge.judgeKey(secret, question, 'web')).toMatchObject({ reason: 'ALLOWED' });
    for (let i = 0; i < BURST; i++) expect(await look('mobile')).toMatchObject({ reason: 'UNKNOWN_KEY' });
  });

  test('invented-keys-lock-nobody-out who signs in, nor a key in memory that has more to be read', async () => {
    const { judge, organizationId, userId, secret, question } = await flooded();
    const inOrganization = { permission: 'organization:read', workspaceId: '', organizationId };
    expect(await judge.judgeUser(userId, inOrganization, 'web')).toMatchObject({ reason: 'ALLOWED' });
    expect(await judge.identifyUser(userId, organizationId, 'web')).toMatchObject({ reason: 'ALLOWED' });
    const elsewhere = { ...question, workspaceId: `ws_${'0'.repeat(26)}` };
    expect(await judge.judgeKey(secret, elsewhere, 'web')).toMatchObject({ reason: 'WORKSPACE_NOT_FOUND' });
  });

  test('limited-caller-reads-no-more-by-its-SDK either, which gets what is in memory', async () => {
    const { replica, secret, keyReads } = await flooded();
    const reads = keyReads();
    const fetch = async (caller: string, hash: string) => {
      const got: string[] = [];
      const stream = { send: (message: { type: string }) => void got.push(message.type), end: () => undefined };
      const holder = replica.openHolder(`process of ${caller}`, caller, stream);
      holder.said({ type: 'fetch', subject: { by: 'hash', hash } });
      await eventually(() => expect(got).not.toEqual([]));
      holder.closed();
      return got;
    };
    expect(await fetch('web', hashSecret(secret))).toEqual(['entries']);
    expect(await fetch('web', hashSecret(invented()))).toEqual(['unreadable']);
    expect(keyReads()).toBe(reads);
    expect(await fetch('mobile', hashSecret(invented()))).toEqual(['entries']);
    expect(keyReads()).toBe(reads + 1);
  });

  test('a read that is under way already costs nobody another', async () => {
    const { judge, question, clock, keyReads } = await flooded();
    clock.ms += 200;
    const reads = keyReads();
    const one = invented();
    const answers = await Promise.all(Array.from({ length: 10 }, async () => judge.judgeKey(one, question, 'web')));
    expect(answers.map(({ reason }) => reason)).toEqual(Array.from({ length: 10 }, () => 'UNKNOWN_KEY'));
    expect(keyReads()).toBe(reads + 1);
  });

  test('a batch with a check that it is too late for is refused as a whole, and repeated gets further', async () => {
    const { judge, secret, question, clock } = await flooded();
    const unknown = Array.from({ length: 4 }, invented);
    const ask = (keys: string[]) =>
      batchAuthorize({ judge })(
        { checks: keys.map((key) => ({ key, ...question })) },
        systemContext('web', { log, timeoutMs: 10_000 }),
      );
    await expect(ask([secret, ...unknown])).rejects.toMatchObject(LIMITED);
    expect((await ask([secret])).results[0]?.outcome).toMatchObject({ value: { allowed: true } });
    clock.ms += 400;
    await expect(ask([secret, ...unknown])).rejects.toMatchObject(LIMITED);
    clock.ms += 400;
    const { results } = await ask([secret, ...unknown]);
    const { UNKNOWN_KEY } = keyV1.DecisionReason;
    expect(results.slice(1).map(({ outcome }) => outcome)).toMatchObject(
      unknown.map(() => ({ $case: 'response', value: { reason: UNKNOWN_KEY } })),
    );
  });
});

describe('what callers may have read', () => {
  const key = (i: number) => ({ by: 'hash', hash: String(i) }) as const;
  const fact = (kind: string, i: number) => ({ by: 'id', kind, id: String(i) }) as const;

  test('a front end with 10,000 keys starts with nothing in memory and is not limited', () => {
    const { misses: limits } = keyConfig({
      LATCHKEY_LISTEN: 'localhost:1',
      MONGODB_URI: 'mongodb://localhost:1',
      LATCHKEY_TLS_CA: 'a',
      LATCHKEY_TLS_CERT: 'b',
      LATCHKEY_TLS_KEY: 'c',
      LATCHKEY_IDENTITY_ADDRESS: 'localhost:2',
      LATCHKEY_ROLE_ADDRESS: 'localhost:3',
    });
    const misses = new Misses(limits, () => 0);
    let refused = 0;
    for (let i = 0; i < 10_000; i++) {
      // All in one moment, each key with a member, a binding and even a workspace of its own.
      const subjects = [key(i), fact('member', i), fact('binding', i), fact('workspace', i)];
      for (const subject of subjects) if (misses.admit('web', subject)) refused += 1;
    }
    expect(refused).toBe(0);
  });

  test('nobody saves up more than a burst, and a clock that stands still gives nothing', () => {
    const clock = { ms: 0 };
    const misses = new Misses({ perSecond: 2, burst: 3 }, () => clock.ms);
    const admitted = () => Array.from({ length: 10 }, (_, i) => misses.admit('web', key(i))).filter((no) => !no).length;
    expect([admitted(), admitted()]).toEqual([3, 0]);
    clock.ms = 499;
    expect(admitted()).toBe(0);
    clock.ms = 500;
    expect(admitted()).toBe(1);
    clock.ms = 1e9;
    expect(admitted()).toBe(3);
  });

  test('few callers are remembered, those that were active last', () => {
    const misses = new Misses({ perSecond: 1, burst: 2 }, () => 0);
    for (let i = 0; i < 5_000; i++) {
      expect(misses.admit('web', key(i)) === undefined).toBe(i < 2);
      misses.admit(`caller-${i}`, key(i));
      misses.admit(`caller-${i}`, fact('role', i));
    }
    expect(misses.size).toBe(2_000);
  });
});
