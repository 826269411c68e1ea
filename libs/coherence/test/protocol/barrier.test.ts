import {
  Barrier,
  type BarrierEffect,
  type ChangeEvent,
  DEFAULTS,
  type EpochDocument,
  execute,
  firstDocument,
  type SignedBroadcast,
} from '../../src/protocol';
import { simulatedAuthenticator } from '../../sim/environment';

const at = (mono: number) => ({ mono, wall: mono });
const event = (id: string) => ({ kind: 'key', id, hashes: [] });
const LEASE = 7_000;

function listed(...incarnations: string[]): EpochDocument {
  return incarnations.reduce(
    (document, incarnation) => execute(document, { op: 'join', incarnation, lease: LEASE }, 0) ?? document,
    firstDocument('g1', 'secret', 0),
  );
}

/** A barrier with a store that the test answers for. */
function stage(document: EpochDocument) {
  const barrier = new Barrier<string>({ writer: 'w', parameters: DEFAULTS, authenticator: simulatedAuthenticator });
  const passed: string[] = [];
  const told: SignedBroadcast[] = [];
  const lists: number[] = [];
  const bumps: {
    ticket: number;
    ids: string[];
    stored: ChangeEvent[];
    ringSize: number;
    run: () => EpochDocument | undefined;
  }[] = [];
  const take = (effects: readonly BarrierEffect<string>[]) => {
    for (const effect of effects) {
      if (effect.kind === 'passed') passed.push(effect.mutation);
      if (effect.kind === 'broadcast') told.push(effect.message);
      if (effect.kind === 'list') lists.push(effect.ticket);
      if (effect.kind !== 'store' || effect.operation.op !== 'bump') continue;
      const { ticket, operation } = effect;
      const run = () => {
        const after = execute(document, operation, 0);
        if (after) document = after;
        return after;
      };
      const stored = operation.events.map(({ event }) => event);
      bumps.push({ ticket, ids: stored.map(({ id }) => id), stored, ringSize: operation.ringSize, run });
    }
  };
  return { barrier, passed, bumps, lists, told, take };
}

/** What a replica says over Redis. */
function applied(incarnation: string, names: string[], { generation = 'g1', key = 'secret' } = {}): SignedBroadcast {
  const body = { type: 'applied' as const, generation, incarnation, writer: 'w', names };
  return { body, mac: simulatedAuthenticator.sign(key, JSON.stringify(Object.values(body))) };
}

describe('the barrier', () => {
  it('passes at once when no replica is listed', () => {
    const { barrier, passed, bumps, take } = stage(listed());
    take(barrier.submit('m', [event('k')], at(0)));
    take(barrier.answered(bumps[0]!.ticket, bumps[0]!.run(), at(5)));
    expect(passed).toEqual(['m']);
  });

  it('mutations that commit while a bump is under way share the next one', () => {
    const { barrier, bumps, take } = stage(listed());
    for (const id of ['a', 'b', 'c']) take(barrier.submit(id, [event(id)], at(0)));
    take(barrier.answered(bumps[0]!.ticket, bumps[0]!.run(), at(5)));
    take(barrier.tick(at(20)));
    expect(bumps.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c']]);
  });

  it('gives a slow database longer for each attempt, so that one is answered in time', () => {
    const { barrier, passed, bumps, take } = stage(listed());
    const answersAfterMs = 4_000;
    take(barrier.submit('m', [event('k')], at(0)));
    const sentAt = [0];
    for (let mono = 0; mono <= 30_000 && passed.length === 0; mono += 20) {
      take(barrier.tick(at(mono)));
      if (bumps.length > sentAt.length) sentAt.push(mono);
      const due = sentAt.findIndex((sent) => mono === sent + answersAfterMs);
      if (due >= 0) take(barrier.answered(bumps[due]!.ticket, bumps[due]!.run(), at(mono)));
    }
    expect(passed).toEqual(['m']);
    expect(bumps.length).toBeLessThan(5);
  });

  it('waits the longest listed lease with its margin, from the receipt of the answer of the last bump', () => {
    const { barrier, passed, bumps, take } = stage(listed('p'));
    take(barrier.submit('m', [event('k')], at(0)));
    const first = bumps[0]!.run();
    take(barrier.tick(at(2_000)));
    expect(bumps).toHaveLength(2);
    // The answer of the attempt that was given up starts no wait.
    take(barrier.answered(bumps[0]!.ticket, first, at(2_001)));
    take(barrier.answered(bumps[1]!.ticket, bumps[1]!.run(), at(3_000)));
    take(barrier.tick(at(3_000 + LEASE * 1.06 - 1)));
    expect(passed).toEqual([]);
    take(barrier.tick(at(3_000 + LEASE * 1.06 + 1)));
    expect(passed).toEqual(['m']);
  });

  it('an acknowledgement in the document counts in its generation only, and a vanished replica has not acknowledged', () => {
    const { barrier, passed, bumps, take } = stage(listed('p'));
    take(barrier.submit('m', [event('k')], at(0)));
    const document = bumps[0]!.run()!;
    take(barrier.answered(bumps[0]!.ticket, document, at(5)));
    const acknowledged = { p: { ack: 1, poll: 3, lease: LEASE } };
    take(barrier.read({ ...document, replicas: {} }, at(10)));
    take(barrier.read({ ...document, generation: 'g2', replicas: acknowledged }, at(10)));
    expect(passed).toEqual([]);
    take(barrier.read({ ...document, replicas: acknowledged }, at(20)));
    expect(passed).toEqual(['m']);
  });

  it('is not passed while bumps match nothing, and goes on by itself when they do', () => {
    const { barrier, passed, bumps, take } = stage(listed());
    take(barrier.submit('m', [event('k')], at(0)));
    take(barrier.answered(bumps[0]!.ticket, undefined, at(5)));
    take(barrier.tick(at(100)));
    expect(bumps).toHaveLength(1);
    take(barrier.tick(at(300)));
    take(barrier.answered(bumps[1]!.ticket, bumps[1]!.run(), at(310)));
    expect(passed).toEqual(['m']);
  });

  it('tells replicas as soon as a mutation has committed, and counts what they acknowledge before anything is answered', () => {
    const document = listed('p', 'q');
    const { barrier, passed, bumps, told, take } = stage(document);
    take(barrier.read(document, at(0)));
    take(barrier.submit('m', [event('k'), event('l')], at(10)));
    expect(told.map(({ body }) => body)).toEqual([
      {
        type: 'events',
        generation: 'g1',
        events: [
          { name: 'w#1', event: event('k') },
          { name: 'w#2', event: event('l') },
        ],
      },
    ]);
    take(barrier.heard(applied('p', ['w#1', 'w#2']), at(11)));
    take(barrier.heard(applied('q', ['w#2']), at(11)));
    expect(passed).toEqual([]);
    take(barrier.tick(at(12)));
    take(barrier.answered(bumps[0]!.ticket, bumps[0]!.run(), at(12)));
    // q has said nothing of the first change.
    expect(passed).toEqual([]);
    expect(told).toHaveLength(1);
    take(barrier.heard(applied('q', ['w#1']), at(13)));
    expect(passed).toEqual(['m']);
  });

  it.each(['before a document was seen', 'in another generation'])(
    'tells replicas with the answer of the bump what it could not tell them %s',
    (when) => {
      const document = { ...listed('p'), generation: 'g2', macKey: 'new' };
      const { barrier, passed, bumps, told, take } = stage(document);
      if (when === 'in another generation') take(barrier.read(listed('p'), at(0)));
      take(barrier.submit('m', [event('k')], at(10)));
      take(barrier.tick(at(11)));
      take(barrier.answered(bumps[0]!.ticket, bumps[0]!.run(), at(12)));
      expect(told.at(-1)?.body).toMatchObject({ type: 'events', generation: 'g2', events: [{ name: 'w#1' }] });
      take(barrier.heard(applied('p', ['w#1'], { generation: 'g2', key: 'new' }), at(13)));
      expect(passed).toEqual(['m']);
    },
  );

  it.each([
    [2_000, 128],
    [1_500, 628],
    [0, DEFAULTS.ringSize],
  ])('keeps in the ring what somebody has yet to acknowledge, beyond %d, and little else', (ack, ringSize) => {
    const document = { ...listed('p'), seq: 2_000 };
    const { barrier, bumps, take } = stage(document);
    take(barrier.read({ ...document, replicas: { p: { ack, poll: 1, lease: LEASE } } }, at(0)));
    take(barrier.submit('m', [event('k')], at(1)));
    take(barrier.tick(at(20)));
    expect(bumps).toMatchObject([{ ringSize }]);
  });

  it('tells what a change makes in the generation that it was made in alone, and stores it nowhere', () => {
    const { barrier, bumps, told, take } = stage(listed());
    const events = [{ ...event('k'), delta: { version: 8, fields: { state: 'ACTIVE' } } }];
    const tellingIn = (index: number) => {
      const { body } = told[index]!;
      return body.type === 'events' && [body.generation, body.events.map((each) => each.event)];
    };
    expect(barrier.generation).toBeUndefined();
    take(barrier.read(listed(), at(0)));
    const madeIn = barrier.generation;
    expect(madeIn).toBe('g1');
    take(barrier.submit('m', events, at(0), madeIn));
    expect(tellingIn(0)).toEqual(['g1', events]);
    // An operator has restored the database, and the bump comes into the new generation.
    const restored = firstDocument('g2', 'other secret', 0);
    take(barrier.tick(at(20)));
    expect(bumps.map(({ stored }) => stored)).toEqual([[event('k')]]);
    take(barrier.answered(bumps[0]!.ticket, { ...restored, seq: 1 }, at(25)));
    expect(tellingIn(1)).toEqual(['g2', [event('k')]]);
    // So has what had begun before, and what nobody knows when it began.
    take(barrier.submit('late', events, at(30), madeIn));
    take(barrier.submit('swept', events, at(30)));
    expect([tellingIn(2), tellingIn(3)]).toEqual([tellingIn(1), tellingIn(1)]);
    take(barrier.submit('new', events, at(40), barrier.generation));
    expect(tellingIn(4)).toEqual(['g2', events]);
  });

  describe('that knows the key of the epoch, reads who is listed after the commit', () => {
    const known = (...incarnations: string[]) => {
      const document = listed(...incarnations);
      const staged = stage(document);
      staged.take(staged.barrier.read(document, at(0)));
      return { ...staged, document };
    };

    it('and lets a mutation pass before its bump when all of them have said that they forgot it', () => {
      const { barrier, passed, bumps, lists, document, take } = known('p', 'q');
      take(barrier.submit('m', [event('k')], at(10)));
      expect(bumps).toEqual([]);
      take(barrier.heard(applied('p', ['w#1']), at(11)));
      take(barrier.answered(lists[0]!, document, at(12)));
      expect(passed).toEqual([]);
      take(barrier.heard(applied('q', ['w#1']), at(13)));
      expect(passed).toEqual(['m']);
      // The bump still follows, with what has passed in the next 100 ms, and only then is nothing left to do.
      take(barrier.submit('n', [event('l')], at(50)));
      for (const incarnation of ['p', 'q']) take(barrier.heard(applied(incarnation, ['w#2']), at(51)));
      take(barrier.answered(lists[1]!, document, at(52)));
      take(barrier.tick(at(109)));
      expect(bumps).toEqual([]);
      expect(barrier.isIdle).toBe(false);
      take(barrier.tick(at(110)));
      expect(bumps).toMatchObject([{ ids: ['k', 'l'] }]);
      take(barrier.answered(bumps[0]!.ticket, bumps[0]!.run(), at(112)));
      expect(barrier.isIdle).toBe(true);
      expect(passed).toEqual(['m', 'n']);
    });

    it('with one list for all that have committed before it was asked for, and another for what came later', () => {
      const { barrier, passed, lists, document, take } = known();
      for (const id of ['a', 'b', 'c']) take(barrier.submit(id, [event(id)], at(10)));
      expect(lists).toHaveLength(1);
      take(barrier.answered(lists[0]!, document, at(12)));
      expect(passed).toEqual(['a']);
      take(barrier.answered(lists[1]!, document, at(13)));
      expect(passed).toEqual(['a', 'b', 'c']);
    });

    it.each([
      ['is frozen', { frozen: true }],
      ['is behind what is remembered', { seq: 4 }],
      ['is gone', undefined],
    ])('and not from a document that %s: then it waits for the bump', (_what, change) => {
      const { barrier, passed, bumps, lists, document, take } = known();
      take(barrier.read({ ...document, seq: 5 }, at(1)));
      take(barrier.submit('m', [event('k')], at(10)));
      take(barrier.answered(lists[0]!, change && { ...document, seq: 5, ...change }, at(12)));
      expect(passed).toEqual([]);
      take(barrier.tick(at(20)));
      expect(bumps).toHaveLength(1);
    });

    it.each(['fails', 'does not come'])('and waits for the bump where that %s', (how) => {
      const { barrier, passed, bumps, lists, take } = known();
      take(barrier.submit('m', [event('k')], at(10)));
      if (how === 'fails') take(barrier.failed(lists[0]!, at(12)));
      take(barrier.tick(at(2_000)));
      take(barrier.answered(bumps[0]!.ticket, bumps[0]!.run(), at(2_002)));
      expect(passed).toEqual(['m']);
      // What comes later is listed again.
      take(barrier.submit('n', [event('k')], at(2_010)));
      expect(lists).toHaveLength(2);
    });

    it('but does not get further ahead of its bumps than a ring holds', () => {
      const { barrier, passed, lists, document, take } = known();
      for (let i = 0; i <= DEFAULTS.ringSize; i++) {
        take(barrier.submit(`m${i}`, [event('k')], at(10)));
        take(barrier.answered(lists.at(-1)!, document, at(11)));
      }
      expect(passed).toHaveLength(DEFAULTS.ringSize);
    });
  });

  it('refuses a mutation that names nothing', () => {
    const { barrier } = stage(listed());
    expect(() => barrier.submit('m', [], at(0))).toThrow('without events');
  });
});
