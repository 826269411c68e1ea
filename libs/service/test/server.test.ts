import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { identityV1 } from '@latchkey/proto';
import { contractServices, describeRules, type ServiceRegistration, startServer, unguarded } from '@latchkey/service';
import { channelCredentials, eventually, freePort, issueLeaf, notServing, type TlsFiles } from '@latchkey/testing';
import { sessionOf } from '../src/caller';
import { ORGANIZATION, World, WORKSPACE } from './world';

let world: World;

beforeAll(async () => {
  world = await World.create();
});
beforeEach(() => world.fresh());
afterAll(() => world.end());

const FACT = { workspaceId: WORKSPACE };

describe('stopping', () => {
  test('lets a running call finish, takes no new ones, and frees the port', async () => {
    const server = await world.start();
    const { facts } = world.clients(server.address);
    let begun = false;
    world.does.fact = async () => {
      begun = true;
      await sleep(300);
      return { workspaceId: WORKSPACE, organizationId: ORGANIZATION, active: true };
    };
    const call = facts.getWorkspaceFact(FACT);
    await eventually(() => expect(begun).toBe(true));
    const stopped = server.stop();
    expect((await call).fact?.active).toBe(true);
    await stopped;
    await expect(facts.getWorkspaceFact(FACT, { timeoutMs: 500 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const again = await world.start({ listen: `localhost:${server.port}` });
    expect(again.port).toBe(server.port);
  });

  test('ends in time with a call that hangs and a health watch that never ends', async () => {
    const server = await world.start({ limits: { graceMs: 300 } });
    const { facts } = world.clients(server.address);
    world.does.fact = () => new Promise(() => undefined);
    const hanging = expect(facts.getWorkspaceFact(FACT)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const watch = watchHealth(server.address);
    await eventually(() => expect(watch.seen).toEqual(['SERVING']));
    const begun = performance.now();
    await server.stop();
    expect(performance.now() - begun).toBeLessThan(1_500);
    expect(watch.seen).toEqual(['SERVING', 'NOT_SERVING']);
    await hanging;
  });
});

describe('health', () => {
  test('follows setServing and the store behind ready(), for the server and each service', async () => {
    const server = await world.start();
    const watch = watchHealth(server.address, 'latchkey.identity.v1.WorkspaceService');
    await eventually(() => expect(watch.seen).toEqual(['SERVING']));
    const files = world.pki.files('worker');
    expect(await notServing(server.address, files)).toBeUndefined();
    server.setServing(false);
    expect(await notServing(server.address, files)).toBe('it reports that it is not serving');
    server.setServing(true);
    world.does.ready = () => Promise.reject(new Error('no store'));
    await eventually(async () => expect(await notServing(server.address, files)).toBeDefined());
    world.does.ready = () => Promise.resolve();
    await eventually(async () => expect(await notServing(server.address, files)).toBeUndefined());
    const changes = ['SERVING', 'NOT_SERVING', 'SERVING', 'NOT_SERVING', 'SERVING'];
    await eventually(() => expect(watch.seen.filter((status, i) => status !== watch.seen[i - 1])).toEqual(changes));
  });

  test('a server whose store is not there yet starts, and says that it is not ready', async () => {
    world.does.ready = () => Promise.reject(new Error('no store'));
    const server = await world.start({ services: [], guard: undefined });
    expect(await notServing(server.address, world.pki.files('ops'))).toBeDefined();
  });
});

test.each(['v1', 'v1alpha'])(
  'reflection %s lists every service and gives files with their imports',
  async (version) => {
    const { address } = await world.start();
    const listed = await reflect(address, version, { list_services: '' });
    expect(listed.list_services_response?.service.map((s) => s.name).sort()).toEqual([
      'grpc.health.v1.Health',
      'latchkey.identity.v1.FactService',
      'latchkey.identity.v1.WorkspaceService',
      'latchkey.key.v1.AuthorizationService',
    ]);
    const found = await reflect(address, version, { file_containing_symbol: 'latchkey.identity.v1.WorkspaceService' });
    const files = Buffer.concat(found.file_descriptor_response?.file_descriptor_proto ?? []).toString('latin1');
    for (const name of [
      'latchkey/identity/v1/workspace.proto',
      'google/protobuf/timestamp.proto',
      'buf/validate/validate.proto',
    ]) {
      expect(files).toContain(name);
    }
    const health = await reflect(address, version, { file_containing_symbol: 'grpc.health.v1.Health' });
    expect(health.file_descriptor_response?.file_descriptor_proto).toHaveLength(1);
  },
);

describe('what must not reach production does not start', () => {
  const registrations = () => world.registrations();

  test('no RPC without a rule', async () => {
    const [workspaces, ...rest] = registrations();
    if (!workspaces) throw new Error('no registration');
    const { getWorkspace: _gone, ...table } = workspaces.table;
    const gap: ServiceRegistration[] = [{ ...workspaces, table }, ...rest];
    expect(unguarded(['latchkey.identity.v1.WorkspaceService', 'latchkey.role.v1.FactService'], gap)).toEqual([
      'latchkey.identity.v1.WorkspaceService/GetWorkspace',
      'latchkey.role.v1.FactService/GetBindingFact',
      'latchkey.role.v1.FactService/GetRoleFact',
      'latchkey.role.v1.FactService/GetCatalogueFact',
    ]);
    await expect(startServer(world.options({ services: gap }))).rejects.toThrow(
      'WorkspaceService/GetWorkspace has no rule',
    );
  });

  test('no rule that needs a guard without one', async () => {
    await expect(startServer(world.options({ guard: undefined }))).rejects.toThrow('needs a guard');
  });

  test('no rule whose scope is a field that the request does not have', async () => {
    const [workspaces] = registrations();
    if (!workspaces) throw new Error('no registration');
    const create = workspaces.table['createWorkspace'];
    const table = { ...workspaces.table, listWorkspaces: workspaces.table['getWorkspace'], createWorkspace: create };
    await expect(startServer(world.options({ services: [{ ...workspaces, table }] }))).rejects.toThrow(
      'takes its scope from workspaceId, which ListWorkspacesRequest does not have',
    );
  });

  test('no server with a certificate that cannot be used, and the sentence names the file', async () => {
    const tls = world.pki.files('server');
    const missing = { ...tls, key: join(world.dir, 'nowhere.key') };
    await expect(startServer(world.options({ tls: missing }))).rejects.toThrow(/nowhere\.key cannot be read/);
    const mixed = { ...tls, key: world.pki.files('ops').key };
    await expect(startServer(world.options({ tls: mixed }))).rejects.toThrow(/cannot be used together/);
  });

  test('no server on a port that another one has', async () => {
    const port = await freePort();
    await world.start({ listen: `localhost:${port}` });
    await expect(startServer(world.options({ listen: `localhost:${port}` }))).rejects.toThrow(
      `cannot listen on localhost:${port}: the port is in use`,
    );
  });

  test('the table of rules can be written down', () => {
    const rows = describeRules(registrations());
    expect(rows).toHaveLength(13);
    expect(rows[0]).toEqual({
      service: 'latchkey.identity.v1.WorkspaceService',
      method: 'CreateWorkspace',
      mutation: true,
      rule: 'permission',
      callers: [],
      permission: 'organization:manage',
      scope: ['organizationId'],
    });
    expect(rows.find((row) => row.method === 'GetWorkspaceFact')).toMatchObject({
      mutation: false,
      rule: 'callerOnly',
      callers: ['key', 'ops'],
    });
    expect(contractServices()).toEqual(expect.arrayContaining(rows.map((row) => row.service)));
  });
});

describe('certificates', () => {
  let files: TlsFiles;
  let address: string;

  beforeAll(async () => {
    const from = world.pki.files('server');
    const dir = join(world.dir, 'rotating');
    mkdirSync(dir);
    files = { ca: join(dir, 'ca.pem'), cert: join(dir, 'server.pem'), key: join(dir, 'server.key') };
    for (const name of ['ca', 'cert', 'key'] as const) copyFileSync(from[name], files[name]);
    ({ address } = await world.start({ tls: files, limits: { certificatesMs: 50 } }));
  });

  // A new connection each time.
  const serial = async (): Promise<string | undefined> => {
    const client = new identityV1.FactServiceClient(address, channelCredentials(world.pki.files('ops')), {
      'grpc.use_local_subchannel_pool': 1,
    });
    try {
      return await new Promise((resolve, reject) => {
        const call = client.getWorkspaceFact(FACT, new grpc.Metadata(), { deadline: Date.now() + 2_000 }, (error) =>
          error ? reject(error) : resolve(call.getAuthContext()?.sslPeerCertificate?.serialNumber),
        );
      });
    } finally {
      client.close();
    }
  };

  test('a mismatched pair keeps the old one, says so once, and the good pair after it is taken up', async () => {
    const first = await serial();
    const leaf = await issueLeaf(world.pki.authority, { name: 'next', dns: ['localhost'] });
    writeFileSync(files.cert, leaf.cert);
    await eventually(() => expect(world.lines.join('')).toContain('cannot be used together'));
    await sleep(200);
    expect(await serial()).toBe(first);
    expect(world.lines.filter((line) => line.includes('cannot be used together'))).toHaveLength(1);
    writeFileSync(files.key, leaf.key);
    await eventually(async () => expect(await serial()).not.toBe(first));
  });

  test('a file that is gone for a while changes nothing', async () => {
    const before = await serial();
    const ca = readFileSync(files.ca);
    writeFileSync(files.ca, '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n');
    await eventually(() => expect(world.lines.join('')).toContain('the old ones go on'));
    expect(await serial()).toBe(before);
    writeFileSync(files.ca, ca);
  });
});

describe('private fields of grpc-js that this library leans on', () => {
  test('one session per connection is found behind a call', async () => {
    const sessions: unknown[] = [];
    const probe = new grpc.Server();
    const definition = identityV1.FactServiceService.getWorkspaceFact;
    probe.addService({ getWorkspaceFact: definition } as grpc.ServiceDefinition, {
      getWorkspaceFact: (call: grpc.ServerUnaryCall<unknown, unknown>, done: grpc.sendUnaryData<unknown>) => {
        sessions.push(sessionOf(call));
        done(null, { fact: undefined });
      },
    });
    const tls = world.pki.files('server');
    const pair = { cert_chain: readFileSync(tls.cert), private_key: readFileSync(tls.key) };
    const port = await new Promise<number>((resolve, reject) => {
      const credentials = grpc.ServerCredentials.createSsl(readFileSync(tls.ca), [pair], true);
      probe.bindAsync('localhost:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    for (const name of ['ops', 'key']) {
      const { facts } = world.clients(`localhost:${port}`, world.pki.files(name));
      await facts.getWorkspaceFact(FACT);
      await facts.getWorkspaceFact(FACT);
    }
    probe.forceShutdown();
    const [first, second, third] = sessions;
    expect(Reflect.get(first as object, 'socket')).toBeDefined();
    expect(second).toBe(first);
    expect(third).toBeDefined();
    expect(third).not.toBe(first);
  });

  test('without them the caller is still read, the slow way', async () => {
    expect(sessionOf({})).toBeUndefined();
    const { callerOf } = await import('../src/caller');
    const call = { getAuthContext: () => ({ sslPeerCertificate: { subjectaltname: 'URI:spiffe://latchkey/ops' } }) };
    expect(callerOf(call as unknown as Parameters<typeof callerOf>[0])).toBe('ops');
  });

  test('the HTTP/2 options are there before bind', () => {
    expect(typeof Reflect.get(new grpc.Server(), 'commonServerOptions')).toBe('object');
  });

  test('the certificate is asked for once per connection', async () => {
    const { address } = await world.start();
    const asked = jest.spyOn(TLSSocket.prototype, 'getPeerCertificate');
    const { facts } = world.clients(address);
    for (let i = 0; i < 5; i++) await facts.getWorkspaceFact(FACT);
    // Once by the server; the client, in this same process, asks for the server's.
    expect(asked.mock.calls.length).toBeLessThanOrEqual(3);
    asked.mockRestore();
  });
});

function watchHealth(address: string, name = ''): { seen: string[] } {
  const seen: string[] = [];
  const client = new grpc.Client(address, channelCredentials(world.pki.files('ops')));
  world.onEnd(() => client.close());
  const request = Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]);
  const stream = client.makeServerStreamRequest<Buffer, Buffer>(
    '/grpc.health.v1.Health/Watch',
    (bytes) => bytes,
    (bytes) => bytes,
    request,
  );
  stream.on('data', (bytes: Buffer) => seen.push(bytes[1] === 1 ? 'SERVING' : 'NOT_SERVING'));
  // The server ends the watch when it stops; that is what the test is about.
  stream.on('error', (error: grpc.ServiceError) => seen.push(...(error.code in grpc.status ? [] : ['?'])));
  return { seen };
}

interface Reflected {
  list_services_response?: { service: { name: string }[] };
  file_descriptor_response?: { file_descriptor_proto: Buffer[] };
}

function reflect(address: string, version: string, request: object): Promise<Reflected> {
  const proto = require.resolve(`@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`);
  const loaded = loadSync(proto, { keepCase: true, oneofs: true });
  const definition = loaded[`grpc.reflection.${version}.ServerReflection`] as grpc.ServiceDefinition;
  const Client = grpc.makeGenericClientConstructor(definition, 'ServerReflection');
  const client = new Client(address, channelCredentials(world.pki.files('ops')));
  const open = client['ServerReflectionInfo'] as unknown as () => grpc.ClientDuplexStream<object, Reflected>;
  return new Promise<Reflected>((resolve, reject) => {
    const stream = open.call(client);
    stream.on('data', (answer: Reflected) => {
      resolve(answer);
      stream.end();
    });
    stream.on('error', reject);
    stream.on('end', () => client.close());
    stream.write(request);
  });
}
