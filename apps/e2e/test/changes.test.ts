import { readFileSync } from 'node:fs';
import {
  type As,
  CallError,
  eventually,
  newMember,
  newTenant,
  newToken,
  newWorkspace,
  readAllDocuments,
} from '@latchkey/testing';
import { IDENTITY_CASES, KEY_CASES, type Leaves, ROLE_CASES, type RpcCase } from './rpc-matrix/cases';
import { CONTRACT_CHANGES, openMethod, takesRequestId } from './rpc-matrix/contract';
import { buildWorld, type World } from './rpc-matrix/world';

type Service = 'identity' | 'role' | 'key';
type Request = Record<string, unknown>;

const CASES: RpcCase[] = [...IDENTITY_CASES, ...ROLE_CASES, ...KEY_CASES];
const CHANGES = CASES.flatMap((entry): [string, RpcCase, Leaves][] =>
  entry.leaves ? [[entry.rpc, entry, entry.leaves]] : [],
);
const serviceOf = (rpc: string): Service => rpc.slice(0, rpc.indexOf('.')) as Service;

/** Of what they change, nothing was in anybody's memory that could be decided from. */
const NOT_REMEMBERED = new Set([
  // Its id, or its secret, is new.
  'identity.v1.WorkspaceService/CreateWorkspace',
  'identity.v1.UserService/CreateUser',
  'role.v1.RoleService/CreateRole',
  'key.v1.PersonalTokenService/CreatePersonalToken',
  // No part of any decision.
  'identity.v1.DeletionService/RetryDeletion',
  'identity.v1.DeletionService/CompleteDeletion',
  'role.v1.BindingService/CloseSeat',
  'role.v1.BindingService/ReopenSeat',
  // The tombstone of the member or the workspace refuses already, and was told.
  'role.v1.BindingService/RemoveWorkspace',
  'key.v1.ServiceKeyService/RemoveWorkspace',
  'key.v1.PersonalTokenService/RevokeMemberTokens',
]);

let world: World;
beforeAll(async () => {
  // Services log what they tell replicas.
  world = await buildWorld({ LATCHKEY_LOG_LEVEL: 'debug' });
  // What it would do at its own time is asked for here, call by call.
  await world.suite.processes.worker.stop();
}, 120_000);
afterAll(() => world?.suite.stop(), 60_000);

/** What a service has written down of an RPC since then, oldest first; with its ids, and without its own. */
async function trailOf(rpc: string, since: Date): Promise<Record<string, unknown>[]> {
  return (await readAllDocuments(world.suite.database.uri))
    .filter(({ database, collection }) => database === `latchkey_${serviceOf(rpc)}` && collection === 'audit_entries')
    .map(({ document }) => document as { _id: string; time: Date; action: string })
    .filter(({ action, time }) => action === `latchkey.${rpc}` && time >= since)
    .sort((a, b) => (a._id < b._id ? -1 : 1))
    .map(({ _id, ...rest }) => rest);
}

const logOf = (service: Service): string => readFileSync(world.suite.processes[service].logFile, 'utf8');

/** What everybody's memory was told by calls of an RPC, since its service had logged so much. */
function toldBy(rpc: string, position: number): string[] {
  const lines = logOf(serviceOf(rpc)).slice(position).split('\n');
  const announced = lines.filter((line) => line.endsWith('"msg":"announced"}'));
  const told = announced.map((line) => JSON.parse(line) as { rpc: string; events: string[] });
  return told.filter((line) => line.rpc === `latchkey.${rpc}`).flatMap(({ events }) => events);
}

const callerOf = ({ rule }: RpcCase): string => ('caller' in rule ? rule.caller : 'ops');
const onBehalf = ({ rule }: RpcCase): As | undefined => ('caller' in rule ? undefined : world.tenant.admin.as);

async function call(entry: RpcCase, request: Request, as: As | undefined): Promise<Record<string, unknown>> {
  const { endpoints, tls } = world.suite;
  const method = openMethod(entry.rpc, serviceOf(entry.rpc), endpoints, tls(callerOf(entry)));
  try {
    return (await method.call(request, { as })) as Record<string, unknown>;
  } finally {
    method.close();
  }
}

/** A request_id of its own for each try, where the RPC takes one. */
let requests = 0;
function numbered(entry: RpcCase, request: Request): Request & { requestId: string } {
  return { ...request, requestId: takesRequestId(entry.rpc) ? `request-${(requests += 1)}` : '' };
}

function objectId({ object }: Leaves, request: Request, answer: Record<string, unknown>): string {
  const named = request[object] ?? answer[object];
  const [first] = Array.isArray(named) ? (named as unknown[]) : [named];
  const id = typeof first === 'object' && first !== null && 'id' in first ? first.id : first;
  if (typeof id !== 'string' || id === '') throw new Error(`neither request nor answer has the id of ${object}`);
  return id;
}

function actorOf({ rule }: RpcCase, { principal }: Leaves, request: Request): Record<string, unknown> {
  const { userId, memberId } = world.tenant.admin;
  if ('caller' in rule) return {};
  if ('user' in rule) return { userId };
  return { userId, principalId: principal ? request[principal] : memberId };
}

test('every RPC that changes something says what it leaves, and no other does', () => {
  expect(CHANGES.map(([rpc]) => rpc).sort()).toEqual([...CONTRACT_CHANGES].sort());
});

test('that a key has died with its last workspace is told to everybody before it is told to an actor', async () => {
  const { suite, tenant } = world;
  const { api } = suite;
  const { organizationId, admin } = tenant;
  const { as } = admin;
  const workspaceId = await newWorkspace(api, organizationId, as);
  const { key } = await api.serviceKeys.createServiceKey(
    { organizationId, name: 'mortal', workspaceIds: [workspaceId] },
    { as },
  );
  const keyId = key?.id ?? '';
  await api.workspaces.deleteWorkspace({ organizationId, workspaceId }, { as });
  const told = await eventually(async () => {
    const before = logOf('key').length;
    const refused = api.serviceKeys.deleteServiceKey({ organizationId, keyId }, { as });
    // WORKSPACE_NOT_FOUND until key has heard of the workspace's end.
    await expect(refused).rejects.toMatchObject({ reason: 'KEY_NOT_FOUND' });
    return toldBy('key.v1.ServiceKeyService/DeleteServiceKey', before);
  });
  expect(told).toContain(`key:${keyId}`);
});

describe.each(CHANGES)('%s', (rpc, entry, leaves) => {
  test('leaves who changed what of which object when, and no word more', async () => {
    const began = new Date();
    const request = numbered(entry, await (leaves.request ?? entry.request)(world));
    const answer = await call(entry, request, onBehalf(entry));
    const ended = new Date();
    const id = objectId(leaves, request, answer);
    const organizationId = request.organizationId ?? (leaves.kind === 'organization' ? id : '');
    const about = async () => (await trailOf(rpc, began)).filter(({ object }) => (object as { id: unknown }).id === id);
    const expected = leaves.changed.map((changed, i) => ({
      organizationId,
      time: expect.any(Date) as Date,
      actor: actorOf(entry, leaves, request),
      caller: callerOf(entry),
      action: `latchkey.${rpc}`,
      object: { kind: leaves.kind, id },
      outcome: 'SUCCEEDED',
      reason: '',
      changed,
      // What a call goes on to do is done under no request_id.
      requestId: i === 0 ? request.requestId : '',
    }));
    const entries = await about();
    // Equal, and not alike: neither a secret nor an address, nor any other value, has a place to hide in.
    expect(entries).toEqual(expected);
    for (const { time } of entries) expect((time as Date).getTime()).toBeLessThanOrEqual(ended.getTime());

    const repeat = call(entry, request, onBehalf(entry));
    if (leaves.refusesRepeat) await expect(repeat).rejects.toMatchObject({ reason: leaves.refusesRepeat });
    else await repeat;
    if (leaves.settles) await call(entry, numbered(entry, request), onBehalf(entry));
    expect(await about()).toEqual(expected);
  });

  // The first attempt may have died after its commit: a repeat must not say that it is so before it is so everywhere.
  if (!NOT_REMEMBERED.has(rpc)) {
    test('is told to everybody, and once more by a repeat', async () => {
      const request = numbered(entry, await (leaves.request ?? entry.request)(world));
      const before = logOf(serviceOf(rpc)).length;
      await call(entry, request, onBehalf(entry));
      const told = toldBy(rpc, before);
      expect(told).not.toEqual([]);
      const between = logOf(serviceOf(rpc)).length;
      await call(entry, request, onBehalf(entry)).catch((error: unknown) => {
        if (!leaves.refusesRepeat) throw error;
      });
      expect(toldBy(rpc, between)).toEqual(expect.arrayContaining(told));
    });
  }

  const refused = refusedTry(entry);
  if (refused) {
    test(`leaves that it was refused, and nothing else: ${refused.reason}`, async () => {
      const { request: broken, as, actor } = await refused.make();
      const began = new Date();
      const request = numbered(entry, broken);
      const error: unknown = await call(entry, request, as).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(CallError);
      expect((error as CallError).reason).toBe(refused.reason);
      const entries = (await trailOf(rpc, began)).filter(({ outcome, requestId }) =>
        request.requestId === '' ? outcome === 'REFUSED' : requestId === request.requestId,
      );
      expect(entries).toEqual([
        {
          organizationId: request.organizationId,
          time: expect.any(Date) as Date,
          actor,
          caller: callerOf(entry),
          action: `latchkey.${rpc}`,
          object: expect.anything() as object,
          outcome: 'REFUSED',
          reason: refused.reason,
          changed: [],
          requestId: request.requestId,
        },
      ]);
      // The very object where the request names one that is there to be changed, else whatever it does name.
      const { kind, id } = entries[0]?.object as { kind: string; id: string };
      if (leaves.object in request) expect([kind, id]).toEqual([leaves.kind, request[leaves.object]]);
      else expect(Object.values(request).filter((value) => value !== '')).toContain(id);
    });
  }
});

interface Refusal {
  reason: string;
  make(): Promise<{ request: Request; as: As | undefined; actor: object }>;
}

/** A try that is refused: to one who lacks the permission, or for an object that is not there; undefined where neither can be. */
function refusedTry(entry: RpcCase): Refusal | undefined {
  const { rule } = entry;
  if ('permission' in rule || ('self' in rule && rule.self !== true)) {
    return {
      reason: 'PERMISSION_MISSING',
      make: async () => {
        const { as, userId, memberId } = world.nobody;
        return { request: await entry.request(world), as, actor: { userId, principalId: memberId } };
      },
    };
  }
  const [field, reason] = Object.entries(entry.absent ?? {}).find(([name]) => name !== 'organizationId') ?? [];
  if (field === undefined || reason === undefined) return undefined;
  return {
    reason,
    make: async () => {
      const request = await entry.request(world);
      const id = String(request[field]).replace(/_.*/, '_01h00000000000000000000000');
      const { userId, memberId } = world.tenant.admin;
      const actor = 'caller' in rule ? {} : { userId, principalId: memberId };
      return { request: { ...request, [field]: id }, as: onBehalf(entry), actor };
    },
  };
}

test('a change that was asked for with a key names the key', async () => {
  const { api, tenant } = world;
  const { organizationId, workspaceId, admin } = tenant;
  const token = await newToken(api, organizationId, admin.as);
  const { key, secret } = await api.serviceKeys.createServiceKey(
    { organizationId, name: 'bot', workspaceIds: [workspaceId] },
    { as: admin.as },
  );
  const began = new Date();
  const deleted = async (as: As): Promise<string> => {
    const request = { organizationId, name: 'temporary', workspaceIds: [workspaceId] };
    const { key: temporary } = await api.serviceKeys.createServiceKey(request, { as: admin.as });
    await api.serviceKeys.deleteServiceKey({ organizationId, keyId: temporary?.id }, { as });
    return temporary?.id ?? '';
  };
  const [byToken, byKey] = [await deleted({ key: token.secret }), await deleted({ key: secret })];
  const trail = await trailOf('key.v1.ServiceKeyService/DeleteServiceKey', began);
  expect(trail.map(({ actor, object }) => [(object as { id: string }).id, actor])).toEqual([
    [byToken, { userId: admin.userId, principalId: admin.memberId, keyId: token.id }],
    [byKey, { principalId: key?.serviceAccountId, keyId: key?.id }],
  ]);
});

test('a user who is deleted leaves the end of each membership in the trail of its organization', async () => {
  const { api, tenant } = world;
  const elsewhere = await newTenant(api);
  const member = await newMember(api, tenant);
  const { member: there } = await api.members.addMember(
    { organizationId: elsewhere.organizationId, userId: member.userId },
    { as: elsewhere.admin.as },
  );
  const began = new Date();
  await api.users.deleteUser({ userId: member.userId });
  const trail = await trailOf('identity.v1.UserService/DeleteUser', began);
  const told = trail.map(({ organizationId, object, changed }) => ({ organizationId, object, changed }));
  expect(told).toHaveLength(3);
  expect(told).toEqual(
    expect.arrayContaining([
      {
        organizationId: tenant.organizationId,
        object: { kind: 'member', id: member.memberId },
        changed: ['state'],
      },
      { organizationId: elsewhere.organizationId, object: { kind: 'member', id: there?.id }, changed: ['state'] },
      { organizationId: '', object: { kind: 'user', id: member.userId }, changed: ['email', 'state'] },
    ]),
  );
});

test('nobody writes into a stranger’s trail, not even that a change was refused', async () => {
  const stranger = await newTenant(world.api);
  const changes = CHANGES.filter(([, { rule }]) => 'permission' in rule || 'self' in rule);
  expect(changes.length).toBeGreaterThan(20);
  for (const [rpc, entry] of changes) {
    const request = await entry.request(world);
    const began = new Date();
    await expect(call(entry, request, stranger.admin.as)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const theirs = (await trailOf(rpc, began)).filter(({ actor }) => 'userId' in (actor as object));
    expect([rpc, theirs]).toEqual([rpc, []]);
  }
});

test('what only reads leaves nothing', async () => {
  const reads = CASES.filter((entry) => !entry.leaves);
  expect(reads.length).toBeGreaterThan(10);
  const began = new Date();
  for (const entry of reads) {
    await call(entry, await entry.request(world), onBehalf(entry));
    expect([entry.rpc, await trailOf(entry.rpc, began)]).toEqual([entry.rpc, []]);
  }
});
