import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import {
  connectLatchkey,
  decisionOf,
  inMessage,
  type LatchkeyClient,
  requirePermission,
  requirePermissionFastify,
  requirePermissionHttp,
} from '@latchkey/client';
import { BUILT_IN_ROLE_IDS } from '@latchkey/decision';
import { identityV1, keyV1 } from '@latchkey/proto';
import {
  CallError,
  newMember,
  newTenant,
  newToken,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';
import express from 'express';
import fastify from 'fastify';

// Services of somebody else, guarded by the SDK: a gRPC server, an Express and a Fastify application.

jest.setTimeout(120_000);

let suite: TestSuite;
let latchkey: LatchkeyClient;
let tenant: Tenant;
let secret: string;
let memberId: string;
const closing: (() => Promise<unknown> | void)[] = [];

beforeAll(async () => {
  suite = await startTestSuite();
  latchkey = connectLatchkey({ address: suite.addresses.key, tls: suite.tls() });
  closing.push(() => latchkey.close());
  tenant = await newTenant(suite.api);
  const member = await newMember(suite.api, tenant, { workspaceRoleId: BUILT_IN_ROLE_IDS.WORKSPACE_VIEWER });
  memberId = member.memberId;
  ({ secret } = await newToken(suite.api, tenant.organizationId, member.as));
  await latchkey.ready(20_000);
}, 120_000);
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  await suite?.stop();
}, 60_000);

const NOT_THEIRS = 'ws_01h455vb4pex5vsknk084sn02q';

describe('a gRPC server behind requirePermission', () => {
  // Any service will do: this one is at hand.
  const { getWorkspace, createWorkspace, listWorkspaces } = identityV1.WorkspaceServiceService;
  let client: identityV1.WorkspaceServiceClient;
  const { watchGrants } = keyV1.AuthorizationServiceService;
  let streams: keyV1.AuthorizationServiceClient;
  const seen: (string | undefined)[] = [];

  beforeAll(async () => {
    const here = inMessage<{ workspaceId: string }>(({ workspaceId }) => workspaceId);
    const server = new grpc.Server({
      interceptors: [
        requirePermission(latchkey, {
          [getWorkspace.path]: { permission: 'projects:read', workspaceId: here },
          [createWorkspace.path]: { permission: 'projects:create', workspaceId: () => tenant.workspaceId },
          [watchGrants.path]: {
            permission: 'projects:read',
            workspaceId: ({ metadata }) => String(metadata.get('workspace')[0] ?? ''),
          },
        }),
      ],
    });
    const nothing: grpc.handleUnaryCall<unknown, never> = (_call, done) => done(null, {} as never);
    server.addService(
      { getWorkspace, createWorkspace, listWorkspaces },
      {
        getWorkspace: ((call, done) => {
          seen.push(decisionOf(call.metadata)?.principal?.principalId);
          done(null, { workspace: undefined });
        }) satisfies grpc.handleUnaryCall<identityV1.GetWorkspaceRequest, identityV1.GetWorkspaceResponse>,
        createWorkspace: nothing,
        listWorkspaces: nothing,
      },
    );
    server.addService(
      { watchGrants },
      {
        watchGrants: ((stream) => {
          seen.push(decisionOf(stream.metadata)?.principal?.principalId);
          stream.on('data', () => stream.end());
        }) satisfies grpc.handleBidiStreamingCall<keyV1.WatchGrantsRequest, keyV1.WatchGrantsResponse>,
      },
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('localhost:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      ),
    );
    closing.push(() => server.forceShutdown());
    client = new identityV1.WorkspaceServiceClient(`localhost:${port}`, grpc.credentials.createInsecure());
    closing.push(() => client.close());
    streams = new keyV1.AuthorizationServiceClient(`localhost:${port}`, grpc.credentials.createInsecure());
    closing.push(() => streams.close());
  });

  const bearing = (key: string | undefined): grpc.Metadata => {
    const metadata = new grpc.Metadata();
    if (key) metadata.set('authorization', `Bearer ${key}`);
    return metadata;
  };

  /** A stream in both directions, which its handler ends at the first message. */
  const open = async (workspaceId: string, key: string | undefined): Promise<CallError | undefined> => {
    const metadata = bearing(key);
    metadata.set('workspace', workspaceId);
    const stream = streams.watchGrants(metadata, { deadline: Date.now() + 10_000 });
    stream.write({ message: { $case: 'release', value: {} } });
    return await new Promise((resolve) => {
      stream.on('data', () => undefined);
      stream.on('end', () => resolve(undefined));
      stream.on('error', (error: grpc.ServiceError) => resolve(new CallError('watchGrants', error)));
    });
  };

  const call = async (
    method: 'getWorkspace' | 'createWorkspace' | 'listWorkspaces',
    workspaceId: string,
    key?: string,
  ): Promise<CallError | undefined> => {
    const request = {
      workspaceId,
      organizationId: tenant.organizationId,
      name: '',
      requestId: '',
      pageSize: 0,
      pageToken: '',
    };
    const { path, requestSerialize } = { getWorkspace, createWorkspace, listWorkspaces }[method];
    const bytes = requestSerialize(request as never);
    return await new Promise((resolve) =>
      client.makeUnaryRequest(
        path,
        (value: Buffer) => value,
        (answer) => answer,
        bytes,
        bearing(key),
        { deadline: Date.now() + 10_000 },
        (error) => resolve(error ? new CallError(method, error) : undefined),
      ),
    );
  };

  it('lets in who holds the permission, and tells the handler who it is', async () => {
    expect(await call('getWorkspace', tenant.workspaceId, secret)).toBeUndefined();
    expect(seen).toEqual([memberId]);
  });

  it.each([
    ['nobody', 'getWorkspace', undefined, undefined, 'UNAUTHENTICATED', 'KEY_REQUIRED'],
    ['nonsense', 'getWorkspace', undefined, 'nonsense', 'UNAUTHENTICATED', 'MALFORMED_KEY'],
    ['a holder without the permission', 'createWorkspace', undefined, 'own', 'PERMISSION_DENIED', 'PERMISSION_MISSING'],
    ['a holder in a place that is not theirs', 'getWorkspace', NOT_THEIRS, 'own', 'NOT_FOUND', 'WORKSPACE_NOT_FOUND'],
    ['a holder who names no place', 'getWorkspace', '', 'own', 'INVALID_ARGUMENT', 'SCOPE_REQUIRED'],
    ['anybody from a method without a rule', 'listWorkspaces', undefined, 'own', 'PERMISSION_DENIED', 'NO_RULE'],
  ] as const)('refuses %s', async (_who, method, place, key, code, reason) => {
    const before = seen.length;
    const error = await call(method, place ?? tenant.workspaceId, key === 'own' ? secret : key);
    expect(error).toMatchObject({ code, reason });
    expect(seen).toHaveLength(before);
  });

  it('lets a stream in before its handler begins, by its metadata', async () => {
    const before = seen.length;
    expect(await open(tenant.workspaceId, secret)).toBeUndefined();
    expect(seen.slice(before)).toEqual([memberId]);
  });

  it.each([
    ['nobody', undefined, undefined, 'UNAUTHENTICATED', 'KEY_REQUIRED'],
    ['nonsense', undefined, 'nonsense', 'UNAUTHENTICATED', 'MALFORMED_KEY'],
    ['a holder in a place that is not theirs', NOT_THEIRS, 'own', 'NOT_FOUND', 'WORKSPACE_NOT_FOUND'],
  ] as const)('does not begin a stream of %s', async (_who, place, key, code, reason) => {
    const before = seen.length;
    const error = await open(place ?? tenant.workspaceId, key === 'own' ? secret : key);
    expect(error).toMatchObject({ code, reason });
    expect(seen).toHaveLength(before);
  });
});

describe.each(['Express', 'Fastify'])('an application of %s behind requirePermission', (framework) => {
  let url: string;

  beforeAll(async () => {
    const read = { permission: 'projects:read', workspaceId: () => tenant.workspaceId };
    const create = { permission: 'projects:create', workspaceId: () => tenant.workspaceId };
    if (framework === 'Express') {
      const app = express();
      app.get('/projects', requirePermissionHttp(latchkey, read), (request, response) => {
        response.json({ who: decisionOf(request)?.principal?.principalId });
      });
      app.post('/projects', requirePermissionHttp(latchkey, create), (_request, response) => {
        response.json({});
      });
      const server = app.listen(0, 'localhost');
      await once(server, 'listening');
      closing.push(() => new Promise((resolve) => server.close(resolve)));
      url = `http://localhost:${(server.address() as AddressInfo).port}/projects`;
    } else {
      const app = fastify();
      app.register((reading, _options, done) => {
        reading.addHook('preHandler', requirePermissionFastify(latchkey, read));
        reading.get('/projects', (request, reply) => {
          reply.send({ who: decisionOf(request)?.principal?.principalId });
        });
        done();
      });
      app.register((creating, _options, done) => {
        creating.addHook('preHandler', requirePermissionFastify(latchkey, create));
        creating.post('/projects', (_request, reply) => {
          reply.send({});
        });
        done();
      });
      url = `${await app.listen({ host: 'localhost', port: 0 })}/projects`;
      closing.push(() => app.close());
    }
  });

  it('lets in who holds the permission, and says who it is', async () => {
    for (const header of [
      ['authorization', `Bearer ${secret}`],
      ['x-api-key', secret],
    ] as const) {
      const response = await fetch(url, { headers: Object.fromEntries([header]) });
      expect([response.status, await response.json()]).toEqual([200, { who: memberId }]);
    }
  });

  it('answers 401 without a key and 403 without the permission, each with the reason', async () => {
    const nobody = await fetch(url);
    expect([nobody.status, nobody.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(await nobody.json()).toMatchObject({ error: { reason: 'KEY_REQUIRED' } });
    const viewer = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${secret}` } });
    expect(viewer.status).toBe(403);
    expect(await viewer.json()).toMatchObject({
      error: { reason: 'PERMISSION_MISSING', metadata: { permission: 'projects:create' } },
    });
  });

  it('answers 503 with a time to come back when nobody can answer', async () => {
    const asked = jest.spyOn(latchkey, 'authorize').mockImplementation((...args) => {
      const lost = connectLatchkey({ address: 'localhost:1', tls: suite.tls(), deadlineMs: 10_000 });
      return lost.authorize(...args).finally(() => lost.close());
    });
    try {
      const response = await fetch(url, { headers: { authorization: `Bearer ${secret}` } });
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    } finally {
      asked.mockRestore();
    }
  });
});
