import { DEFAULTS, type DownMessage, Holder, type Subject } from '../../src/protocol';

const at = (mono: number, wall = mono) => ({ mono, wall });
const KEY: Subject = { by: 'hash', hash: 'h' };
const ENTRY: DownMessage<number> = {
  type: 'entries',
  entities: [{ kind: 'key', id: 'k', hashes: ['h'], within: [], value: 1 }],
  absent: [],
};
const lease = (request: number, durationMs: number): DownMessage<number> => ({
  type: 'lease',
  request,
  durationMs,
  databaseTime: 1_000,
});

function connected() {
  const limits = { entitiesPerKind: 10, unknown: 10 };
  const holder = new Holder<string, number>({ parameters: DEFAULTS, kinds: ['key'], limits });
  expect(holder.opened(at(0)).send).toEqual([{ type: 'renew', request: 1 }]);
  return holder;
}

describe('an SDK holder', () => {
  it('serves for as long as was granted, counted from when it asked', () => {
    const holder = connected();
    holder.received(lease(1, 500), at(300));
    expect(holder.mayServe(at(499))).toBe(true);
    expect(holder.mayServe(at(500))).toBe(false);
    expect(holder.databaseTime(at(400))).toBe(1_400);
  });

  it('counts a grant that it did not ask for as none', () => {
    const holder = connected();
    holder.received(lease(7, 500), at(10));
    expect(holder.mayServe(at(11))).toBe(false);
  });

  it('forgets before it acknowledges, and acknowledges what it was told', () => {
    const holder = connected();
    holder.received(ENTRY, at(10));
    const { send } = holder.received(
      { type: 'event', position: 9, event: { kind: 'key', id: 'k', hashes: ['h'] } },
      at(20),
    );
    expect(holder.cache.byHash('h')).toBeUndefined();
    expect(send).toEqual([{ type: 'acknowledge', position: 9 }]);
  });

  it('without a stream goes on to the end of its sub-lease; with a new one begins with nothing', () => {
    const holder = connected();
    holder.received(lease(1, 500), at(10));
    holder.received(ENTRY, at(10));
    holder.closed();
    expect(holder.mayServe(at(400))).toBe(true);
    holder.opened(at(410));
    expect(holder.mayServe(at(411))).toBe(false);
    expect(holder.cache.byHash('h')).toBeUndefined();
  });

  it('having given its sub-lease back, is not revived by one that was on its way', () => {
    const holder = connected();
    expect(holder.release().send).toEqual([{ type: 'release' }]);
    holder.received(lease(1, 500), at(10));
    expect(holder.mayServe(at(11))).toBe(false);
    expect(holder.fetch(KEY, 'a')).toBeUndefined();
  });

  it('serves nothing when its machine has slept', () => {
    const holder = connected();
    holder.received(lease(1, 500), at(10));
    expect(holder.mayServe(at(20, 5_000))).toBe(false);
  });

  it('asks once for an entry that several wait for, and leaves nobody waiting for one that cannot be had', () => {
    const holder = connected();
    expect(holder.fetch(KEY, 'a')?.send).toEqual([{ type: 'fetch', subject: KEY }]);
    expect(holder.fetch(KEY, 'b')?.send).toEqual([]);
    expect(holder.received({ type: 'unreadable', subject: KEY }, at(10)).failed).toEqual(['a', 'b']);
    holder.fetch(KEY, 'c');
    expect(holder.received(ENTRY, at(20)).resumed).toEqual(['c']);
    holder.fetch({ by: 'hash', hash: 'other' }, 'd');
    expect(holder.closed().failed).toEqual(['d']);
  });
});
