import fc from 'fast-check';
import { type Entity, EntityCache, nameOf } from '../../src/protocol';

const LIMITS = { entitiesPerKind: 10, unknown: 5 };
const cache = () => new EntityCache<number>(['key', 'member'], LIMITS);
const key = (id: string, hashes: string[] = [], within: string[] = []): Entity<number> => ({
  kind: 'key',
  id,
  hashes,
  within,
  value: 0,
});

describe('the entity cache', () => {
  it('no flood of unknown hashes evicts a live entry', () => {
    const entities = cache();
    for (let i = 0; i < 10; i++) entities.put(key(`k${i}`, [`h${i}`]));
    for (let i = 0; i < 10_000; i++) entities.putUnknown({ by: 'hash', hash: `garbage${i}` });
    expect(entities.size).toBe(10);
    expect(entities.unknownSize).toBe(5);
    for (let i = 0; i < 10; i++) expect(entities.byHash(`h${i}`)?.id).toBe(`k${i}`);
  });

  it('what is used stays longer than what is not', () => {
    const entities = cache();
    for (let i = 0; i < 10; i++) entities.put(key(`k${i}`));
    for (let i = 10; i < 100; i++) {
      expect(entities.byId('key', 'k3')).toBeTruthy();
      entities.put(key(`k${i}`));
    }
    expect(entities.byId('key', 'k3')).toBeTruthy();
    expect(entities.byId('key', 'k4')).toBeUndefined();
  });

  it('an event evicts the entity, what is found under its hashes, what is known to be absent, and what holds part of it', () => {
    const entities = cache();
    entities.put(key('k1', ['old']));
    entities.put(key('k2', [], [nameOf('user', 'u')]));
    entities.putUnknown({ by: 'hash', hash: 'new' });
    entities.putUnknown({ by: 'id', kind: 'member', id: 'm' });
    expect(entities.byHash('new')).toBeNull();
    entities.evict({ kind: 'key', id: 'k1', hashes: ['old', 'new'] });
    entities.evict({ kind: 'user', id: 'u', hashes: [] });
    entities.evict({ kind: 'member', id: 'm', hashes: [] });
    expect(entities.byHash('old')).toBeUndefined();
    expect(entities.byHash('new')).toBeUndefined();
    expect(entities.byId('key', 'k1')).toBeUndefined();
    expect(entities.byId('key', 'k2')).toBeUndefined();
    expect(entities.byId('member', 'm')).toBeUndefined();
  });

  it('stays within its bounds, and finds by hash exactly what it finds by id', () => {
    const name = fc.integer({ min: 0, max: 20 }).map(String);
    const step = fc.oneof(
      fc.record({ put: name, hashes: fc.array(name, { maxLength: 2 }) }),
      fc.record({ evict: name, hashes: fc.array(name, { maxLength: 2 }) }),
      fc.record({ unknown: name }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const entities = cache();
        for (const each of steps) {
          if ('put' in each) entities.put(key(each.put, each.hashes));
          else if ('evict' in each) entities.evict({ kind: 'key', id: each.evict, hashes: each.hashes });
          else entities.putUnknown({ by: 'hash', hash: each.unknown });
        }
        expect(entities.size).toBeLessThanOrEqual(LIMITS.entitiesPerKind);
        expect(entities.unknownSize).toBeLessThanOrEqual(LIMITS.unknown);
        for (let i = 0; i <= 20; i++) {
          const found = entities.byHash(String(i));
          if (found) expect(entities.byId('key', found.id)).toBe(found);
        }
      }),
    );
  });
});
