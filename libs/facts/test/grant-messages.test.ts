import { ENTITY_KINDS, type DownMessage, type Entity, type UpMessage } from '@latchkey/coherence/sans-io';
import { PermissionSet } from '@latchkey/decision';
import { keyV1 } from '@latchkey/proto';
import fc from 'fast-check';
import { downMessage, heardAbove, heardBelow, type KnownKey, SharedIds, upMessage, type Value } from '../src';
import { workspaceRolesOf } from '../src/workspace-roles';

const text = fc.string({ maxLength: 30 });
const ms = fc.integer({ min: 0, max: 2 ** 45 });
const scope = fc.constantFrom('organization' as const, 'workspace' as const);

const key: fc.Arbitrary<KnownKey> = fc.record(
  {
    id: text,
    kind: fc.constantFrom('PERSONAL', 'SERVICE', 'LEGACY'),
    state: fc.constantFrom('PENDING', 'ACTIVE', 'DISABLED', 'REVOKED'),
    revokedBecause: fc.constant('PRINCIPAL_REMOVED' as const),
    organizationId: text,
    principalId: text,
    userId: text,
    hash: text,
    previousUntil: ms,
    expireTime: ms,
    narrowedTo: fc.array(text, { maxLength: 5 }),
  },
  { requiredKeys: ['id', 'kind', 'state', 'organizationId', 'principalId', 'userId', 'hash'] },
);

const permissions = fc.array(fc.nat(300)).map((numbers) => PermissionSet.of(numbers));
const VALUES: Record<(typeof ENTITY_KINDS)[number], (id: string) => fc.Arbitrary<Value>> = {
  key: (id) => key.map((value) => ({ ...value, id })),
  sunset: () => ms,
  organization: (id) => fc.record({ id: fc.constant(id), state: fc.constantFrom('CREATING', 'ACTIVE', 'DELETED') }),
  member: (id) =>
    fc.record({
      id: fc.constant(id),
      organizationId: text,
      userId: text,
      state: fc.constantFrom('JOINING', 'ACTIVE', 'SUSPENDED', 'REMOVED'),
    }),
  workspace: (id) =>
    fc.record({ id: fc.constant(id), organizationId: text, state: fc.constantFrom('ACTIVE', 'DELETED') }),
  binding: () =>
    fc.record(
      {
        organizationRoleId: fc.string({ minLength: 1, maxLength: 30 }),
        workspaceRoles: fc
          .array(fc.tuple(fc.stringMatching(/^ws_[a-z0-9]{1,20}$/), text))
          .map((each) => workspaceRolesOf([...new Map(each)])),
      },
      { requiredKeys: ['workspaceRoles'] },
    ),
  role: () => fc.record({ scope, permissions }),
  catalogue: () =>
    fc.record({
      version: fc.nat(1_000),
      permissions: fc.array(fc.tuple(text, fc.record({ number: fc.nat(300), scope }))).map((each) => new Map(each)),
    }),
};

const entity: fc.Arbitrary<Entity<Value>> = fc
  .tuple(fc.constantFrom(...ENTITY_KINDS), text, fc.array(text, { maxLength: 3 }), fc.array(text, { maxLength: 3 }))
  .chain(([kind, id, hashes, within]) => VALUES[kind](id).map((value) => ({ kind, id, hashes, within, value })));

const subject = fc.oneof(
  fc.record({ by: fc.constant('id' as const), kind: text, id: text }),
  fc.record({ by: fc.constant('hash' as const), hash: text }),
);

const down: fc.Arbitrary<DownMessage<Value>> = fc.oneof(
  fc.record({
    type: fc.constant('event' as const),
    position: ms,
    event: fc.option(fc.record({ kind: text, id: text, hashes: fc.array(text) }), { nil: undefined }),
  }),
  fc.record({ type: fc.constant('entries' as const), entities: fc.array(entity), absent: fc.array(subject) }),
  fc.record({
    type: fc.constant('lease' as const),
    request: ms,
    durationMs: fc.double({ min: 0, noNaN: true }),
    databaseTime: ms,
  }),
  fc.record({ type: fc.constant('unreadable' as const), subject }),
  fc.record({ type: fc.constant('refused' as const), request: ms }),
  fc.constant({ type: 'leaving' as const }),
);

const up: fc.Arbitrary<UpMessage> = fc.oneof(
  fc.record({ type: fc.constant('renew' as const), request: ms }),
  fc.record({ type: fc.constant('fetch' as const), subject }),
  fc.record({ type: fc.constant('acknowledge' as const), position: ms }),
  fc.constant({ type: 'release' as const }),
);

/** As it is after the wire: bytes. */
const sentDown = (message: DownMessage<Value>): DownMessage<Value>[] =>
  heardBelow(
    keyV1.WatchGrantsResponse.decode(keyV1.WatchGrantsResponse.encode(downMessage(message)).finish()),
    new SharedIds(),
  );

describe('what is said on WatchGrants is what is heard', () => {
  it('by a holder', () => {
    fc.assert(fc.property(down, (message) => expect(sentDown(message)).toEqual([message])));
  });

  it('by a replica', () => {
    fc.assert(
      fc.property(up, (message) => {
        const bytes = keyV1.WatchGrantsRequest.encode(upMessage(message)).finish();
        expect(heardAbove(keyV1.WatchGrantsRequest.decode(bytes))).toEqual(message);
      }),
    );
  });
});

describe('half a fact is none', () => {
  const member = { organizationId: 'org', userId: 'user' };
  const entities: [string, keyV1.GrantEntity['value']][] = [
    ['a state that this version does not know', { $case: 'member', value: { ...member, state: 'ON_PROBATION' } }],
    [
      'a kind of role that it does not know',
      { $case: 'role', value: { scope: 'planet', permissionBits: Buffer.of(1) } },
    ],
    ['a kind of entity that it does not know', undefined],
  ];
  it.each(entities)('%s is as good as not to be had', (_name, value) => {
    const entity = { id: 'x', hashes: ['h'], within: [], value };
    const heard = heardBelow(
      { message: { $case: 'entries', value: { entities: [entity], absent: [] } } },
      new SharedIds(),
    );
    expect(heard).toEqual([
      { type: 'entries', entities: [], absent: [] },
      { type: 'unreadable', subject: { by: 'hash', hash: 'h' } },
      { type: 'unreadable', subject: { by: 'id', kind: value?.$case ?? '', id: 'x' } },
    ]);
  });

  it('a change of nothing in particular is one of everything', () => {
    const change = { entity: undefined, hashes: ['h'] };
    const [event] = heardBelow({ message: { $case: 'event', value: { position: 3n, change } } }, new SharedIds());
    expect(event).toEqual({ type: 'event', position: 3, event: undefined });
  });
});
