import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '@latchkey/coherence';
import { type Engine, startDatabase } from '@latchkey/testing';
import fc from 'fast-check';
import type mongoose from 'mongoose';
import { announcementIn, type EpochStore, openEpochStore } from '../../src/live/epoch-store';
import { type EpochDocument, type EpochOperation, execute } from '../../src/protocol';

let dir: string;
let engine: Engine;
let connection: mongoose.Connection;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'latchkey-epoch-'));
  engine = await startDatabase({ dir, log: () => undefined });
  connection = await openDatabase(engine.uri, 'epoch_test');
}, 60_000);
afterAll(async () => {
  await connection?.close();
  await engine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const incarnation = fc.constantFrom('a', 'b', 'c');
const events = fc.array(
  fc.record({
    name: fc.constantFrom('v#1', 'w#2'),
    event: fc.record({
      kind: fc.constantFrom('key', 'role'),
      id: fc.constantFrom('x', 'y "'),
      hashes: fc.array(fc.constantFrom('h1', 'h2'), { maxLength: 2 }),
    }),
  }),
  { minLength: 1, maxLength: 3 },
);
/** Generations in the order of restores; the first is whatever the store made. */
const RESTORED = ['~1', '~2'];
const generation = fc.constantFrom('first', ...RESTORED);
const remembered = fc.option(fc.record({ generation, seq: fc.nat(8) }), { nil: undefined });
const operation: fc.Arbitrary<EpochOperation> = fc.oneof(
  fc.record({ op: fc.constant('join' as const), incarnation, lease: fc.constant(5_000), remembered }),
  fc.record({ op: fc.constant('poll' as const), generation, incarnation, confirmed: fc.nat(3), ack: fc.nat(9) }),
  fc.record({ op: fc.constant('bump' as const), events, ringSize: fc.constant(4), remembered }),
  fc.record({ op: fc.constant('prune' as const), generation, incarnation, poll: fc.nat(3) }),
  fc.record({ op: fc.constant('leave' as const), generation, incarnation }),
  fc.record({
    op: fc.constant('restore' as const),
    previous: generation,
    generation: fc.constantFrom(...RESTORED),
    macKey: fc.constant('key'),
  }),
  fc.record({ op: fc.constant('thaw' as const), generation }),
);

async function freshStore(): Promise<{ store: EpochStore; first: EpochDocument }> {
  await connection.db?.collection('epochs').deleteMany({});
  const store = await openEpochStore(connection);
  return { store, first: await documentIn(store) };
}

async function documentIn(store: EpochStore): Promise<EpochDocument> {
  const document = await store.read();
  if (document === undefined) throw new Error('there is no epoch document');
  return document;
}

/** The same operation, with the store's own first generation where it says "first". */
function named(operation: EpochOperation, first: string): EpochOperation {
  const text = JSON.stringify(operation, (_name, value: unknown) => (value === 'first' ? first : value));
  return JSON.parse(text) as EpochOperation;
}

const withoutTime = ({ at: _at, ...rest }: EpochDocument) => rest;
/** What the store tells of a document to those who do not look at the ring. */
const withoutRing = (document: EpochDocument) => ({ ...withoutTime(document), ring: [] });

test('the database does to the epoch document exactly what the protocol says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 25 }), async (operations) => {
      const { store, first } = await freshStore();
      let model = first;
      for (const each of operations) {
        const concrete = named(each, first.generation);
        const expected = execute(model, concrete, 0);
        const got = await store.execute(concrete);
        const told = each.op === 'join' || each.op === 'poll' ? withoutTime : withoutRing;
        expect(got && withoutTime(got)).toEqual(expected && told(expected));
        model = expected ?? model;
      }
      expect(withoutTime(await documentIn(store))).toEqual(withoutRing(model));
      const stored = await connection.db?.collection<{ ring: unknown[] }>('epochs').findOne();
      expect(stored?.ring.map(announcementIn)).toEqual(model.ring);
    }),
    { numRuns: 40 },
  );
});

test.each([
  ['an object, of an older version', { kind: 'key', id: 'k', hashes: [] }],
  ['a text of fewer parts', '["w#1","key"]'],
  ['a text of other parts', '["w#1","key",7]'],
  ['no list', '"w#1"'],
  ['no text of ours', 'w#1'],
])('what another version has left in the ring is of a kind that nobody knows: %s', (_what, stored) => {
  expect(announcementIn(stored).event.kind).toBe('');
});

test('two who open the store at once find one and the same epoch', async () => {
  await connection.db?.collection('epochs').deleteMany({});
  const stores = await Promise.all([openEpochStore(connection), openEpochStore(connection)]);
  const [a, b] = await Promise.all(stores.map((store) => store.read()));
  expect(a).toEqual(b);
});
