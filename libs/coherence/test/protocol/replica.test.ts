import {
  type Announcement,
  type Clock,
  DEFAULTS,
  type Delta,
  type EpochDocument,
  type EpochOperation,
  execute,
  firstDocument,
  Replica,
  type ReplicaEffect,
  type SignedBroadcast,
} from '../../src/protocol';
import { sign } from '../../src/protocol/messages';
import { simulatedAuthenticator } from '../../sim/environment';

const at = (mono: number, wall = mono): Clock => ({ mono, wall });
const L = DEFAULTS.leaseMs;

/** A replica whose store answers when the test says so. */
function stage(document: EpochDocument, remembered?: { generation: string; seq: number }) {
  let lives = 0;
  const replica = new Replica<string, string>({
    parameters: DEFAULTS,
    kinds: ['key'],
    limits: { entitiesPerKind: 10, unknown: 10 },
    renew: ({ value }, { adds }) => (typeof adds === 'string' ? value + adds : undefined),
    authenticator: simulatedAuthenticator,
    identify: () => `p.${++lives}`,
    remembered,
  });
  const asked: { ticket: number; operation: EpochOperation }[] = [];
  const world = { document };
  const take = (effects: readonly ReplicaEffect<string>[]) => {
    for (const effect of effects) if (effect.kind === 'store') asked.push(effect);
  };
  /** Executes and answers what has been asked for. */
  const answer = (clock: Clock) => {
    for (const { ticket, operation } of asked.splice(0)) {
      const after = execute(world.document, operation, 1_000_000 + clock.mono);
      world.document = after ?? world.document;
      take(replica.answered(ticket, after, clock));
    }
  };
  const tick = (clock: Clock) => take(replica.tick(clock));
  return { replica, asked, world, answer, tick };
}

const joined = () => {
  const staged = stage(firstDocument('g1', 'secret', 0));
  staged.tick(at(0));
  staged.answer(at(50));
  return staged;
};

/** What a writer says over Redis. */
function broadcast(events: Announcement[], { generation = 'g1', key = 'secret' } = {}): SignedBroadcast {
  return sign(simulatedAuthenticator, key, { type: 'events', generation, events });
}

describe('a replica', () => {
  it('serves from the answer of its join until L after it was sent', () => {
    const { replica, tick, answer } = stage(firstDocument('g1', 'secret', 0));
    tick(at(0));
    expect(replica.mayServe(at(10))).toBe(false);
    answer(at(50));
    expect(replica.mayServe(at(L - 1))).toBe(true);
    expect(replica.mayServe(at(L))).toBe(false);
  });

  it('serves nothing after its machine has slept, until a poll sent since is answered', () => {
    const { replica, tick, answer } = joined();
    expect(replica.mayServe(at(100, 100))).toBe(true);
    expect(replica.mayServe(at(110, 1_110))).toBe(false);
    expect(replica.mayServe(at(111, 111))).toBe(false);
    tick(at(300, 1_300));
    answer(at(310, 1_310));
    expect(replica.mayServe(at(311, 1_311))).toBe(true);
  });

  it('a wall clock set back takes no lease away, and gives none', () => {
    const { replica } = joined();
    expect(replica.mayServe(at(L - 1, -9_000))).toBe(true);
    expect(replica.mayServe(at(L, -9_000))).toBe(false);
  });

  it('never uses an id twice: a join without an answer is tried again under another', () => {
    const { asked, tick } = stage(firstDocument('g1', 'secret', 0));
    tick(at(0));
    tick(at(L));
    const ids = asked.map(({ operation }) => (operation.op === 'join' ? operation.incarnation : ''));
    expect(ids).toEqual(['p.1', 'p.2']);
  });

  it.each(['late', 'lost'])(
    'takes off the list what a join with a %s answer has left there, and nothing else',
    (how) => {
      const { replica, asked, world, tick, answer } = stage(firstDocument('g1', 'secret', 0));
      tick(at(0));
      const [first] = asked.splice(0);
      if (!first) throw new Error('no join was asked for');
      const late = (world.document = execute(world.document, first.operation, 0) ?? world.document);
      if (how === 'lost') replica.failed(first.ticket);
      tick(at(L));
      answer(at(L + 50));
      expect(Object.keys(world.document.replicas)).toEqual(['p.1', 'p.2']);
      const effects = how === 'late' ? replica.answered(first.ticket, late, at(L + 60)) : replica.tick(at(L + 300));
      for (const effect of effects) if (effect.kind === 'store') asked.push(effect);
      answer(at(L + 310));
      answer(at(L + 320));
      expect(Object.keys(world.document.replicas)).toEqual(['p.2']);
      expect(replica.mayServe(at(L + 320))).toBe(true);
    },
  );

  it('that hears of a higher mark from somebody else stops on a document behind it', () => {
    const { replica, tick, answer } = joined();
    replica.recall({ generation: 'g1', seq: 1 });
    tick(at(300));
    answer(at(310));
    expect(replica.mayServe(at(310))).toBe(false);
    tick(at(600));
    answer(at(610));
    expect(replica.state).toBe('OUTSIDE');
  });

  it('whose entry is gone stops at once, forgets, and joins again', () => {
    const { replica, world, tick, answer } = joined();
    replica.cache.put({ kind: 'key', id: 'k', hashes: [], within: [], value: '' });
    world.document = { ...world.document, replicas: {} };
    tick(at(300));
    answer(at(310));
    expect(replica.mayServe(at(310))).toBe(false);
    expect(replica.cache.size).toBe(0);
    tick(at(320));
    answer(at(330));
    expect(replica.incarnation).toBe('p.2');
    expect(replica.mayServe(at(330))).toBe(true);
  });

  it('starts NOT SERVING on a document behind what was remembered, until the operator begins a new generation', () => {
    const { replica, world, tick, answer } = stage(firstDocument('g1', 'secret', 0), { generation: 'g1', seq: 9 });
    for (const time of [0, 500, 1_000]) {
      tick(at(time));
      answer(at(time + 10));
    }
    expect(replica.state).toBe('OUTSIDE');
    world.document = firstDocument('g2', 'secret', 0);
    tick(at(1_500));
    answer(at(1_510));
    expect(replica.state).toBe('UP');
  });

  it('tells database time, counted from the send, and never backwards', () => {
    const { replica, world, tick, answer } = joined();
    const first = replica.databaseTime(at(100));
    expect(first).toBe(1_000_000 + 50 + 100);
    world.document = { ...world.document, at: 0 };
    tick(at(300));
    answer(at(310));
    expect(replica.databaseTime(at(310))).toBeGreaterThanOrEqual(first!);
  });

  it('evicts by Redis only what carries the MAC of its generation', () => {
    const { replica } = joined();
    const put = () => replica.cache.put({ kind: 'key', id: 'k', hashes: [], within: [], value: '' });
    const events = [{ name: 'w#1', event: { kind: 'key', id: 'k', hashes: [] } }];
    const message = (generation: string, key: string) => broadcast(events, { generation, key });
    put();
    expect(replica.heard(message('g1', 'guess'), at(60))).toEqual([]);
    expect(replica.heard(message('g0', 'secret'), at(60))).toEqual([]);
    expect(replica.cache.size).toBe(1);
    const effects = replica.heard(message('g1', 'secret'), at(60));
    expect(replica.cache.size).toBe(0);
    expect(effects).toMatchObject([{ kind: 'broadcast', message: { body: { type: 'applied', names: ['w#1'] } } }]);
  });

  it('applies a change once, by whichever way it hears of it first, and acknowledges it whenever it is told', () => {
    const { replica, world, tick, answer } = joined();
    const put = () => replica.cache.put({ kind: 'key', id: 'k', hashes: [], within: [], value: '' });
    const change = { name: 'w#1', event: { kind: 'key', id: 'k', hashes: [] } };
    const message = broadcast([change]);
    const acknowledgement = { kind: 'broadcast', message: { body: { type: 'applied', writer: 'w', names: ['w#1'] } } };
    expect(replica.heard(message, at(60))).toMatchObject([acknowledgement]);
    put();
    world.document = execute(world.document, { op: 'bump', events: [change], ringSize: 4 }, 0)!;
    tick(at(300));
    answer(at(310));
    // What it has read since it forgot knows of the change.
    expect(replica.cache.size).toBe(1);
    expect(replica.heard(message, at(320))).toMatchObject([acknowledgement]);
    expect(replica.cache.size).toBe(1);
  });

  describe('that is told what a change makes of the version before', () => {
    const held = (version?: number) => {
      const staged = joined();
      staged.replica.cache.put({ kind: 'key', id: 'k', hashes: ['h'], within: ['key:container'], value: 'v', version });
      return staged;
    };
    const change = (version: number, fields: Delta['fields'] = { adds: '+' }, name = `w#${version}`) =>
      broadcast([{ name, event: { kind: 'key', id: 'k', hashes: [], delta: { version, fields } } }]);
    const acknowledgement = { kind: 'broadcast', message: { body: { type: 'applied', writer: 'w', names: ['w#8'] } } };

    it('goes on with the version after, if that is the one it holds, and acknowledges it as any other change', () => {
      const { replica } = held(7);
      expect(replica.heard(change(8), at(60))).toMatchObject([acknowledgement]);
      const renewed = { id: 'k', hashes: ['h'], within: ['key:container'], value: 'v+', version: 8 };
      expect(replica.cache.byHash('h')).toMatchObject(renewed);
      expect(replica.cache.byId('key', 'k')).toMatchObject(renewed);
      replica.heard(change(9), at(61));
      expect(replica.cache.byHash('h')).toMatchObject({ value: 'v++', version: 9 });
      // What it holds something of is still what makes it forget it.
      replica.heard(broadcast([{ name: 'x#1', event: { kind: 'key', id: 'container', hashes: [] } }]), at(62));
      expect(replica.cache.size).toBe(0);
    });

    it.each([
      ['an older version', 6, change(8)],
      ['that very version already', 8, change(8)],
      ['a version that nobody counts', undefined, change(8)],
      ['a version that it does not know how to change', 7, change(8, { takes: '+' })],
    ])('forgets it, if it holds %s', (_what, version, message) => {
      const { replica } = held(version);
      expect(replica.heard(message, at(60))).toMatchObject([acknowledgement]);
      expect(replica.cache.size).toBe(0);
    });

    it('holds nothing that it did not hold before', () => {
      const { replica } = joined();
      expect(replica.heard(change(8), at(60))).toMatchObject([acknowledgement]);
      expect(replica.cache.byHash('h')).toBeUndefined();
    });

    it('believes nothing of it that the MAC does not cover', () => {
      const { replica } = held(7);
      const { mac } = change(8);
      expect(replica.heard({ body: change(8, { adds: '-' }).body, mac }, at(60))).toEqual([]);
      expect(replica.heard({ body: change(9, undefined, 'w#8').body, mac }, at(60))).toEqual([]);
      expect(replica.cache.byHash('h')).toMatchObject({ value: 'v', version: 7 });
    });

    it('drops a fill under way that may have read the version before', () => {
      const { replica } = held(7);
      const { ticket } = replica.fills.await({ by: 'hash', hash: 'old' }, 'waiter', at(55));
      replica.heard(change(8), at(60));
      const read = { kind: 'key', id: 'k', hashes: ['h', 'old'], within: [], value: 'v', version: 7 };
      expect(replica.fills.end(ticket!, { entities: [read], absent: [] }, at(65))).toMatchObject({
        outcome: 'dropped',
      });
      expect(replica.cache.byHash('h')).toMatchObject({ version: 8 });
    });
  });

  it.each([
    ['at once', 'not', false],
    ['with the next poll', '', true],
  ])('says in the document %s what it has applied, where Redis has %s brought it', (_when, _brought, brought) => {
    const { replica, asked, world, tick, answer } = joined();
    const change = { name: 'w#1', event: { kind: 'key', id: 'k', hashes: [] } };
    if (brought) replica.heard(broadcast([change]), at(60));
    world.document = execute(world.document, { op: 'bump', events: [change], ringSize: 4 }, 0)!;
    tick(at(300));
    answer(at(310));
    tick(at(320));
    const polls = asked.filter(({ operation }) => operation.op === 'poll');
    expect(polls).toMatchObject(brought ? [] : [{ operation: { ack: 1 } }]);
    answer(at(330));
    // Once is enough.
    tick(at(340));
    expect(asked).toEqual([]);
    tick(at(500));
    expect(asked).toMatchObject([{ operation: { op: 'poll', ack: 1 } }]);
  });

  describe('with an SDK holder that was sent an entry, and that there is nothing under a hash', () => {
    const held = () => {
      const staged = joined();
      const { replica } = staged;
      replica.cache.put({ kind: 'key', id: 'k', hashes: ['h'], within: ['key:container'], value: 'v' });
      replica.cache.putUnknown({ by: 'hash', hash: 'nothing' });
      for (const stream of ['s', 'other']) {
        replica.holderOpened(stream, `client of ${stream}`);
        replica.holderSaid(stream, { type: 'renew', request: 1 }, at(60));
      }
      for (const hash of ['h', 'nothing']) replica.sendEntry('s', { by: 'hash', hash }, at(70));
      let number = 0;
      const changed = (kind: string, id: string, ...hashes: string[]) =>
        replica.heard(broadcast([{ name: `w#${++number}`, event: { kind, id, hashes } }]), at(80 + number));
      return { ...staged, changed };
    };
    const told = (effects: readonly ReplicaEffect<string>[]) =>
      effects.flatMap((effect) => (effect.kind === 'send' ? [effect.stream] : []));
    const acknowledged = (effects: readonly ReplicaEffect<string>[]) =>
      effects.flatMap((effect) =>
        effect.kind === 'broadcast' && effect.message.body.type === 'applied' ? effect.message.body.names : [],
      );

    it.each([
      ['its id', 'k', []],
      ['a hash of it', 'x', ['h']],
      ['what it holds something of', 'container', []],
      ['a hash under which there was nothing', 'new', ['fresh', 'nothing']],
    ])('tells it of a change to %s and waits for it, and tells nobody else', (_what, id, hashes) => {
      const { replica, changed } = held();
      const effects = changed('key', id, ...hashes);
      expect(told(effects)).toEqual(['s']);
      expect(acknowledged(effects)).toEqual([]);
      expect(acknowledged(replica.holderSaid('s', { type: 'acknowledge', position: 2 }, at(90)))).toEqual(['w#1']);
    });

    it('acknowledges at once what concerns no holder', () => {
      const effects = held().changed('key', 'stranger', 'of', 'nobody');
      expect(told(effects)).toEqual([]);
      expect(acknowledged(effects)).toEqual(['w#1']);
    });

    it('tells all of them to forget everything, and the one of nothing more afterwards', () => {
      const { tick, world, changed, asked, replica } = held();
      const unknown = { name: 'x#1', event: { kind: 'of another version', id: 'u', hashes: [] } };
      const document = execute(world.document, { op: 'bump', events: [unknown], ringSize: 4 }, 0)!;
      tick(at(300));
      const { ticket } = asked[0]!;
      expect(told(replica.answered(ticket, document, at(310)))).toEqual(['s', 'other']);
      expect(told(changed('key', 'k', 'h'))).toEqual([]);
    });
  });

  it('leaving, refuses at once, and removes its entry when the grants of its holders are over', () => {
    const { replica, asked, tick, world, answer } = joined();
    replica.holderOpened('s', 'client');
    const [granted] = replica.holderSaid('s', { type: 'renew', request: 1 }, at(100));
    expect(granted).toMatchObject({ kind: 'send', message: { type: 'lease', durationMs: L - 100 } });
    expect(replica.leave()).toMatchObject([{ kind: 'send', message: { type: 'leaving' } }]);
    expect(replica.mayServe(at(110))).toBe(false);
    tick(at(120));
    expect(asked.some(({ operation }) => operation.op === 'leave')).toBe(false);
    replica.holderSaid('s', { type: 'release' }, at(130));
    tick(at(140));
    answer(at(150));
    expect(replica.state).toBe('LEFT');
    expect(world.document.replicas).toEqual({});
  });
});
