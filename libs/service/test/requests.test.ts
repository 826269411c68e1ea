import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { identityV1 } from '@latchkey/proto';
import { AppError, type CallContext } from '@latchkey/service';
import { type CallError, channelCredentials, eventually } from '@latchkey/testing';
import { MEMBER, MEMBER_BY_KEY, ORGANIZATION, SECRET, USER, World, WORKSPACE } from './world';

let world: World;
let address: string;
let ops: ReturnType<World['clients']>;

const GOOD = { organizationId: ORGANIZATION, name: 'production', requestId: 'r-1' };
const asUser = { as: { user: USER } };

beforeAll(async () => {
  world = await World.create();
  ({ address } = await world.start({ limits: { deadlineMs: 1_000 } }));
  ops = world.clients(address);
});
beforeEach(() => world.fresh());
afterAll(() => world.end());

const refusal = (call: Promise<unknown>): Promise<CallError> =>
  call.then(
    () => Promise.reject(new Error('the call was answered')),
    (error: CallError) => error,
  );

function raise(message: string): never {
  throw new Error(message);
}

/** The request's bytes as they are, over the wire. */
function raw(path: string, bytes: Buffer, more: Record<string, string> = {}): Promise<grpc.ServiceError> {
  const channel = new grpc.Client(address, channelCredentials(world.pki.files('ops')));
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(more)) metadata.set(name, value);
  const same = (b: Buffer) => b;
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(path, same, same, bytes, metadata, { deadline: Date.now() + 5_000 }, (error) => {
      channel.close();
      if (error) resolve(error);
      else reject(new Error('the call was answered'));
    });
  });
}

const CREATE = identityV1.WorkspaceServiceService.createWorkspace.path;

describe('fields', () => {
  test('every violation is listed, by the path of the proto, with its rule', async () => {
    const request = { organizationId: 'org_x', name: '?', requestId: 'no spaces' };
    const error = await refusal(ops.workspaces.createWorkspace(request, asUser));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    const rule = 'string.pattern';
    expect(error.violations).toEqual([
      { field: 'organization_id', rule },
      { field: 'name', rule },
      { field: 'request_id', rule },
    ]);
  });

  test('a secret is never echoed: not in a violation, not in a log line', async () => {
    const key = `${SECRET}${'x'.repeat(300)}`;
    const bytes = Buffer.concat([Buffer.from([0x0a, 0xdf, 0x02]), Buffer.from(key).subarray(0, 0x15f)]);
    const error = await raw('/latchkey.key.v1.AuthorizationService/IntrospectKey', bytes);
    expect(error.code).toBe(grpc.status.INVALID_ARGUMENT);
    const trailers = JSON.stringify(error.metadata.get('grpc-status-details-bin').map(String));
    expect(trailers).toContain('breaks the rule string.max_bytes');
    for (const text of [error.details, trailers, ...world.lines]) expect(text).not.toContain(SECRET.slice(0, 20));
  });

  test('a workspace rule without a workspace is malformed, not a rule without limits', async () => {
    const error = await refusal(ops.workspaces.getWorkspace({ organizationId: ORGANIZATION }, asUser));
    expect(error.violations.map((v) => v.field)).toEqual(['workspace_id']);
  });

  test('bytes that are no message are the mistake of the caller', async () => {
    const error = await raw(CREATE, Buffer.from([0x0a, 0x05, 0x41]), { 'latchkey-actor': USER });
    expect([error.code, error.details]).toEqual([
      grpc.status.INVALID_ARGUMENT,
      expect.stringContaining('not a message'),
    ]);
  });

  test('a request over 64 KiB is refused before anything reads it', async () => {
    const over = await raw(CREATE, Buffer.alloc(64 * 1024 + 1), { 'latchkey-actor': USER });
    expect(over.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    const under = await raw(CREATE, Buffer.alloc(64 * 1024), { 'latchkey-actor': USER });
    expect(under.code).toBe(grpc.status.INVALID_ARGUMENT);
  });
});

describe('errors', () => {
  const failing = (error: unknown) => {
    world.does.create = async () => {
      await Promise.resolve();
      throw error;
    };
    return refusal(ops.workspaces.createWorkspace(GOOD, asUser));
  };

  test('an AppError is the answer: code, reason, message, metadata', async () => {
    const error = new AppError({
      code: 'ALREADY_EXISTS',
      reason: 'WORKSPACE_NAME_TAKEN',
      message: 'a workspace of that name exists \u{1F511} \uD800',
      metadata: { name: 'production' },
    });
    const received = await failing(error);
    expect(received).toMatchObject({
      code: 'ALREADY_EXISTS',
      reason: 'WORKSPACE_NAME_TAKEN',
      metadata: { name: 'production' },
    });
    expect(received.message).toContain('a workspace of that name exists \u{1F511} \uFFFD');
  });

  test.each([
    ['an unknown error', new Error('the password is hunter2')],
    ["MongoDB's integer code", Object.assign(new Error('E11000 duplicate key hunter2'), { code: 11000 })],
    ['a code that is a gRPC status', Object.assign(new Error('hunter2'), { code: 5, details: 'hunter2' })],
    ['an INTERNAL AppError', new AppError({ code: 'INTERNAL', reason: 'HUNTER2', message: 'hunter2' })],
    ['something that is no error', 'hunter2'],
  ])('%s becomes INTERNAL; its text stays here, in one log line', async (_what, thrown) => {
    const error = await failing(thrown);
    expect([error.code, error.reason]).toEqual(['INTERNAL', 'INTERNAL']);
    expect(JSON.stringify([error.message, error.metadata])).not.toMatch(/hunter2/i);
    expect(world.lines.filter((line) => line.includes('"level":"error"'))).toHaveLength(1);
    expect(world.lines.filter((line) => line.includes('hunter2'))).toHaveLength(1);
    if (thrown instanceof Error) expect(world.lines.at(-1)).toContain('requests.test.ts');
  });

  test('UNAVAILABLE says where it comes from if it has a cause, and not where each check of many was refused', async () => {
    const options = { code: 'UNAVAILABLE', reason: 'NO_LEASE', message: 'no lease' } as const;
    await failing(new AppError(options));
    expect(world.lines.at(-1)).toContain('"reason":"NO_LEASE"');
    expect(world.lines.at(-1)).not.toContain('requests.test.ts');
    await failing(new AppError({ ...options, cause: new Error('the database is away') }));
    expect(world.lines.at(-1)).toMatch(/the database is away.*requests\.test\.ts/);
  });

  test.each([
    ['MongoServerSelectionError', Object.assign(new Error('x'), { name: 'MongoServerSelectionError' })],
    [
      'MongoNetworkError',
      new Error('wrapped', { cause: Object.assign(new Error('x'), { name: 'MongoNetworkError' }) }),
    ],
    [
      'a write of several documents whose pool was cleared',
      Object.assign(new Error('x'), {
        name: 'MongoBulkWriteError',
        errorResponse: Object.assign(new Error('y'), { name: 'MongoPoolClearedError' }),
      }),
    ],
    ['an election', Object.assign(new Error('not primary'), { name: 'MongoServerError', code: 10107 })],
    ['ioredis without a connection', new Error('Connection is closed.')],
    ['a refused socket', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
  ])('%s is UNAVAILABLE, with when to repeat', async (_what, thrown) => {
    const error = await failing(thrown);
    expect([error.code, error.reason]).toEqual(['UNAVAILABLE', 'DEPENDENCY_UNAVAILABLE']);
    expect(error.retryAfterMs).toBe(500);
  });

  test('an answer that cannot be encoded is INTERNAL, and logged', async () => {
    const broken = { workspaceId: WORKSPACE, organizationId: ORGANIZATION, active: {} as boolean };
    Object.defineProperty(broken, 'active', { get: () => raise('hunter2') });
    world.does.fact = () => Promise.resolve(broken);
    expect(await refusal(ops.facts.getWorkspaceFact({ workspaceId: WORKSPACE }))).toMatchObject({ code: 'INTERNAL' });
    expect(world.lines.filter((line) => line.includes('"level":"error"'))).toHaveLength(1);
  });

  test('a thousand violations still fit into the trailers of any client', async () => {
    const violations = Array.from({ length: 1_000 }, (_, i) => ({
      field: `members[${i}].role_id`,
      rule: 'string.pattern',
      description: 'value does not match',
    }));
    const error = await failing(
      new AppError({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', message: 'malformed', violations }),
    );
    expect(error.violations.length).toBeGreaterThan(50);
    expect(error.violations.length + Number(error.metadata['violations_omitted'])).toBe(1_000);
  });
});

describe('the context', () => {
  const contextOf = async (options: object): Promise<CallContext> => {
    let seen: CallContext | undefined;
    world.does.create = (_request, ctx) => {
      seen = ctx;
      return Promise.resolve();
    };
    await ops.workspaces.createWorkspace(GOOD, { ...asUser, ...options });
    if (!seen) throw new Error('the handler was not called');
    return seen;
  };

  test("the deadline is the client's, and never later than the server's own", async () => {
    for (const [timeoutMs, expected] of [
      [400, 400],
      [60_000, 1_000],
    ] as const) {
      const before = Date.now();
      const { deadline } = await contextOf({ timeoutMs });
      // A few milliseconds are lost to rounding on the way.
      expect(deadline).toBeGreaterThanOrEqual(before + expected - 20);
      expect(deadline).toBeLessThanOrEqual(Date.now() + expected);
    }
  });

  test('the same request has the same digest, another one another', async () => {
    const first = await contextOf({});
    expect(first.requestDigest).toMatch(/^[0-9a-f]{64}$/);
    expect((await contextOf({})).requestDigest).toBe(first.requestDigest);
    expect(first.requestId).toBe('r-1');
    expect(first.rpc).toBe('latchkey.identity.v1.WorkspaceService/CreateWorkspace');
  });

  test('a valid traceparent is kept and logged, another is not', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    expect((await contextOf({ metadata: { traceparent } })).traceparent).toBe(traceparent);
    expect(world.lines.at(-1)).toContain(`"traceId":"${'a'.repeat(32)}"`);
    expect((await contextOf({ metadata: { traceparent: 'x' } })).traceparent).toBeUndefined();
  });

  test('a handler that ignores its deadline does not hold up the answer, and is told', async () => {
    let reason: unknown;
    world.does.create = async (_request, { signal }) => {
      await sleep(1_200);
      reason = signal.reason;
    };
    const error = await refusal(ops.workspaces.createWorkspace(GOOD, { ...asUser, timeoutMs: 5_000 }));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' });
    await eventually(() => expect(reason).toMatchObject({ code: 'DEADLINE_EXCEEDED' }));
  });

  test('a client that hangs up aborts the signal', async () => {
    let reason: unknown;
    world.does.create = (_request, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          resolve();
        });
        client.close();
        call.cancel();
      });
    const client = new identityV1.WorkspaceServiceClient(address, channelCredentials(world.pki.files('ops')));
    const metadata = new grpc.Metadata();
    metadata.set('latchkey-actor', USER);
    const call = client.createWorkspace(GOOD, metadata, () => undefined);
    await eventually(() => expect(reason).toMatchObject({ code: 'CANCELLED' }));
  });
});

describe('refused mutations', () => {
  const recorded: { actor: unknown; reason: string; name: unknown }[] = [];
  beforeEach(() => {
    recorded.length = 0;
    world.does.refused = (ctx, request, error) => {
      recorded.push({ actor: ctx.actor, reason: error.reason, name: (request as typeof GOOD).name });
      return Promise.resolve();
    };
  });
  const actor = { userId: USER, principalId: MEMBER.principalId };

  test('are reported with their actor, whether the rule or the handler refused', async () => {
    world.does.authorize = () => Promise.resolve({ allowed: false, reason: 'PERMISSION_MISSING', principal: MEMBER });
    await refusal(ops.workspaces.createWorkspace(GOOD, asUser));
    world.fresh();
    world.does.refused = (ctx, _request, error) => {
      recorded.push({ actor: ctx.actor, reason: error.reason, name: '' });
      return Promise.resolve();
    };
    world.does.create = () => Promise.reject(new AppError({ code: 'ABORTED', reason: 'STALE', message: 'stale' }));
    await refusal(ops.workspaces.createWorkspace(GOOD, { as: { key: SECRET } }));
    expect(recorded).toEqual([
      { actor, reason: 'PERMISSION_MISSING', name: 'production' },
      { actor: { ...actor, keyId: MEMBER_BY_KEY.keyId }, reason: 'STALE', name: '' },
    ]);
  });

  test('are not reported without a known actor, for reads, and for malformed requests', async () => {
    world.does.authorize = () => Promise.resolve({ allowed: false, reason: 'PRINCIPAL_REMOVED' });
    await refusal(ops.workspaces.createWorkspace(GOOD, asUser));
    await refusal(ops.workspaces.createWorkspace({ ...GOOD, name: '' }, asUser));
    world.does.authorize = () => Promise.resolve({ allowed: false, reason: 'PERMISSION_MISSING', principal: MEMBER });
    await refusal(ops.workspaces.getWorkspace({ organizationId: ORGANIZATION, workspaceId: WORKSPACE }, asUser));
    expect(recorded).toEqual([]);
  });

  test('keep their answer when reporting fails', async () => {
    world.does.create = () => Promise.reject(new AppError({ code: 'NOT_FOUND', reason: 'GONE', message: 'gone' }));
    world.does.refused = () => Promise.reject(new Error('no audit'));
    expect(await refusal(ops.workspaces.createWorkspace(GOOD, asUser))).toMatchObject({ reason: 'GONE' });
    expect(world.lines.join('')).toContain('a refusal could not be recorded');
  });
});
