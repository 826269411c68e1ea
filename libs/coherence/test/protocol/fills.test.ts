import { DEFAULTS, type Entity, EntityCache, Fills, nameOf, type Subject } from '../../src/protocol';
import { EventLog } from '../../src/protocol/event-log';

const at = (mono: number) => ({ mono, wall: mono });
const KEY: Subject = { by: 'hash', hash: 'h' };
const found = (within: string[] = []): { entities: Entity<number>[]; absent: Subject[] } => ({
  entities: [{ kind: 'key', id: 'k', hashes: ['h'], within, value: 1 }],
  absent: [],
});

function stage(limit?: number) {
  const log = new EventLog(limit);
  const cache = new EntityCache<number>(['key'], { entitiesPerKind: 10, unknown: 10 });
  return { log, cache, fills: new Fills<string, number>(cache, log, DEFAULTS, {}) };
}

describe('a fill', () => {
  it('is shared: the first reads, the others wait for the same answer', () => {
    const { cache, fills } = stage();
    const { ticket } = fills.await(KEY, 'a', at(0));
    expect(fills.await(KEY, 'b', at(1))).toEqual({});
    expect(fills.end(ticket!, found(), at(5))).toMatchObject({ outcome: 'stored', waiters: ['a', 'b'] });
    expect(cache.byHash('h')?.value).toBe(1);
    // The next miss is a fill of its own.
    expect(fills.await(KEY, 'c', at(6)).ticket).toBeDefined();
  });

  it.each([
    ['the id it read', { kind: 'key', id: 'k', hashes: [] }],
    ['the hash it looked up', { kind: 'key', id: 'other', hashes: ['h'] }],
    ['what contains it', { kind: 'organization', id: 'o', hashes: [] }],
    ['everything', undefined],
  ])('is dropped, and stores nothing, when an event since its start named %s', (_, event) => {
    const { log, cache, fills } = stage();
    const { ticket } = fills.await(KEY, 'a', at(0));
    log.append(event);
    const end = fills.end(ticket!, found([nameOf('organization', 'o')]), at(5));
    expect(end).toMatchObject({ outcome: 'dropped', waiters: ['a'] });
    expect(cache.size).toBe(0);
  });

  it('is not disturbed by what happened before it, or to others', () => {
    const { log, fills } = stage();
    log.append({ kind: 'key', id: 'k', hashes: ['h'] });
    const { ticket } = fills.await(KEY, 'a', at(0));
    log.append({ kind: 'key', id: 'other', hashes: ['x'] });
    expect(fills.end(ticket!, found(), at(5)).outcome).toBe('stored');
  });

  it('that an absence was read is remembered, unless an event gave the hash to somebody meanwhile', () => {
    const { log, cache, fills } = stage();
    const nothing = { entities: [], absent: [KEY] };
    const first = fills.await(KEY, 'a', at(0)).ticket!;
    log.append({ kind: 'key', id: 'new', hashes: ['h'] });
    expect(fills.end(first, nothing, at(5)).outcome).toBe('dropped');
    expect(cache.byHash('h')).toBeUndefined();
    const second = fills.await(KEY, 'a', at(6)).ticket!;
    expect(fills.end(second, nothing, at(7)).outcome).toBe('stored');
    expect(cache.byHash('h')).toBeNull();
  });

  it('that takes half a lease is given up, and its late answer finds nobody', () => {
    const { cache, fills } = stage();
    const { ticket } = fills.await(KEY, 'a', at(0));
    expect(fills.expire(at(DEFAULTS.leaseMs / 2 - 100))).toEqual([]);
    expect(fills.expire(at(DEFAULTS.leaseMs / 2))).toMatchObject([{ outcome: 'failed', waiters: ['a'] }]);
    expect(fills.end(ticket!, found(), at(DEFAULTS.leaseMs / 2 + 1)).waiters).toEqual([]);
    expect(cache.size).toBe(0);
  });

  it('that began before the log remembers counts as disturbed', () => {
    const { log, fills } = stage(4);
    const { ticket } = fills.await(KEY, 'a', at(0));
    for (let i = 0; i < 20; i++) log.append({ kind: 'key', id: `x${i}`, hashes: [] });
    expect(fills.end(ticket!, found(), at(5)).outcome).toBe('dropped');
  });
});
