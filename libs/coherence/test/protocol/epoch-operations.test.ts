import { type EpochOperation, execute, firstDocument } from '../../src/protocol';

const start = firstDocument('g1', 'secret', 0);
const join = (incarnation: string): EpochOperation => ({ op: 'join', incarnation, lease: 5_000 });

function after(...operations: EpochOperation[]) {
  return operations.reduce((document, operation) => {
    const next = execute(document, operation, document.at + 1);
    if (!next) throw new Error(`no match: ${operation.op}`);
    return next;
  }, start);
}

describe('the epoch document', () => {
  it('two processes cannot live under one incarnation: the second join matches nothing', () => {
    expect(execute(after(join('a')), join('a'), 1)).toBeUndefined();
  });

  it('a join or bump that remembers more than the document shows matches nothing', () => {
    const bump = {
      op: 'bump' as const,
      events: [{ name: 'w#1', event: { kind: 'key', id: 'k', hashes: [] } }],
      ringSize: 4,
    };
    const document = after(bump);
    for (const operation of [join('a'), bump]) {
      expect(
        execute(document, { ...operation, remembered: { generation: 'g1', seq: 2 } } as EpochOperation, 1),
      ).toBeUndefined();
      expect(
        execute(document, { ...operation, remembered: { generation: 'g2', seq: 0 } } as EpochOperation, 1),
      ).toBeUndefined();
      expect(
        execute(document, { ...operation, remembered: { generation: 'g1', seq: 1 } } as EpochOperation, 1),
      ).toBeDefined();
      expect(
        execute(document, { ...operation, remembered: { generation: 'g0', seq: 9 } } as EpochOperation, 1),
      ).toBeDefined();
    }
  });

  it('a poll matches only its incarnation, in its generation, in a document that has not gone backwards', () => {
    const document = after(join('a'));
    const poll = { op: 'poll' as const, generation: 'g1', incarnation: 'a', confirmed: 0, ack: 0 };
    expect(execute(document, poll, 7)).toMatchObject({ at: 7, replicas: { a: { poll: 1 } } });
    expect(execute(document, { ...poll, incarnation: 'b' }, 7)).toBeUndefined();
    expect(execute(document, { ...poll, generation: 'g2' }, 7)).toBeUndefined();
    expect(execute(document, { ...poll, confirmed: 1 }, 7)).toBeUndefined();
  });

  it('an overtaken poll takes no acknowledgement back', () => {
    const poll = { op: 'poll' as const, generation: 'g1', incarnation: 'a', confirmed: 0 };
    expect(after(join('a'), { ...poll, ack: 3 }, { ...poll, ack: 1 }).replicas.a?.ack).toBe(3);
  });

  it('a replica that has polled since is not pruned', () => {
    const document = after(join('a'), { op: 'poll', generation: 'g1', incarnation: 'a', confirmed: 0, ack: 0 });
    const prune = { op: 'prune' as const, generation: 'g1', incarnation: 'a' };
    expect(execute(document, { ...prune, poll: 0 }, 1)).toBeUndefined();
    expect(execute(document, { ...prune, poll: 1 }, 1)?.replicas).toEqual({});
  });

  it('a restore needs a greater generation, lists nobody, and freezes bumps until it is thawed', () => {
    const restore = { op: 'restore' as const, previous: 'g1', generation: 'g2', macKey: 'new' };
    expect(execute(start, { ...restore, generation: 'g0' }, 1)).toBeUndefined();
    expect(execute(start, { ...restore, previous: 'g0' }, 1)).toBeUndefined();
    const document = after(join('a'), restore);
    expect(document).toMatchObject({ generation: 'g2', macKey: 'new', replicas: {}, frozen: true });
    const bump = { op: 'bump' as const, events: [], ringSize: 4 };
    expect(execute(document, bump, 1)).toBeUndefined();
    expect(execute(after(join('a'), restore, { op: 'thaw', generation: 'g2' }), bump, 1)).toBeDefined();
  });
});
