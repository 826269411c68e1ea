import { setTimeout as sleep } from 'node:timers/promises';
import type * as grpc from '@grpc/grpc-js';
import { keyV1 } from '@latchkey/proto';
import { type callerOnly, permission, type ServiceRegistration, startServer, stream } from '@latchkey/service';
import { CallError, channelCredentials, eventually } from '@latchkey/testing';
import { SECRET, World } from './world';

let world: World;

beforeAll(async () => {
  world = await World.create();
});
beforeEach(() => world.fresh());
afterAll(() => world.end());

const RELEASE: keyV1.WatchGrantsRequest = { message: { $case: 'release', value: {} } };
const LEAVING: keyV1.WatchGrantsResponse = { message: { $case: 'leaving', value: {} } };

/** A stream to the server. */
function openStream(address: string, caller = 'ops') {
  const client = new keyV1.AuthorizationServiceClient(address, channelCredentials(world.pki.files(caller)));
  const call = client.watchGrants();
  const heard: string[] = [];
  let failure: CallError | undefined;
  call.on('error', (error: grpc.ServiceError) => (failure = new CallError('WatchGrants', error)));
  world.onEnd(() => {
    call.cancel();
    client.close();
  });
  return {
    call,
    heard,
    listen: () => call.on('data', ({ message }: keyV1.WatchGrantsResponse) => heard.push(message?.$case ?? '')),
    refusal: async () =>
      await eventually(() => {
        if (!failure) throw new Error('not refused yet');
        return failure;
      }),
  };
}

/** What a handler was told, in order. */
function recorded(received: () => void = () => undefined) {
  const told: string[] = [];
  const handler = {
    received: () => {
      told.push('received');
      received();
    },
    expiring: () => void told.push('expiring'),
    closed: () => void told.push('closed'),
  };
  return { told, handler };
}

describe('a stream', () => {
  test('carries messages both ways, and its handler hears once that it is over', async () => {
    const { told, handler } = recorded();
    world.does.stream = (peer) => ({ ...handler, received: () => (handler.received(), peer.send(LEAVING)) });
    const { address } = await world.start();
    const { call, heard, listen } = openStream(address);
    listen();
    call.write(RELEASE);
    await eventually(() => expect(heard).toEqual(['leaving']));
    call.cancel();
    await eventually(() => expect(told).toEqual(['received', 'closed']));
    await sleep(50);
    expect(told).toEqual(['received', 'closed']);
  });

  test('of a handler that fails ends as an internal error, whose cause is logged and not told', async () => {
    const { told, handler } = recorded(() => {
      throw new Error('the disk is full');
    });
    world.does.stream = () => handler;
    const { address } = await world.start();
    const { call, refusal, listen } = openStream(address);
    listen();
    call.write(RELEASE);
    expect(await refusal()).toMatchObject({ code: 'INTERNAL', message: expect.not.stringContaining('disk') });
    expect(world.lines.filter((line) => line.includes('the disk is full'))).toHaveLength(1);
    expect(told).toEqual(['received', 'closed']);
  });

  test('is ended when it is not read, rather than kept in memory', async () => {
    const { told, handler } = recorded();
    const value: keyV1.WatchGrantsResponse = {
      message: { $case: 'unreadable', value: { by: { $case: 'hash', value: 'x'.repeat(1_000) } } },
    };
    world.does.stream = (peer) => {
      // Once the flow control has nothing left, all of it would wait here.
      setImmediate(() => {
        for (let i = 0; i < 20_000; i++) peer.send(value);
      });
      return handler;
    };
    const { address } = await world.start();
    const { call } = openStream(address);
    call.write(RELEASE);
    await eventually(() => expect(told).toContain('closed'));
    expect(world.lines.some((line) => line.includes('STREAM_TOO_SLOW'))).toBe(true);
  });

  test('too many are shed with a retry hint, and one that ends makes room', async () => {
    const opened = recorded();
    world.does.stream = () => opened.handler;
    const { address } = await world.start({ limits: { streams: 1 } });
    const first = openStream(address);
    first.call.write(RELEASE);
    await eventually(() => expect(opened.told).toEqual(['received']));
    const second = openStream(address);
    second.listen();
    expect(await second.refusal()).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY_STREAMS' });
    first.call.cancel();
    await eventually(() => expect(opened.told).toEqual(['received', 'closed']));
    const { told, handler } = recorded();
    world.does.stream = () => handler;
    openStream(address).call.write(RELEASE);
    await eventually(() => expect(told).toEqual(['received']));
  });

  test('no caller takes more than half of the room', async () => {
    const opened = recorded();
    world.does.stream = () => opened.handler;
    const { address } = await world.start({ limits: { streams: 4 } });
    for (let count = 1; count <= 2; count++) {
      openStream(address).call.write(RELEASE);
      await eventually(() => expect(opened.told).toHaveLength(count));
    }
    expect(await openStream(address).refusal()).toMatchObject({ reason: 'TOO_MANY_STREAMS' });
    openStream(address, 'key').call.write(RELEASE);
    await eventually(() => expect(opened.told).toHaveLength(3));
  });

  test('is told when its time is over', async () => {
    const { told, handler } = recorded();
    world.does.stream = () => handler;
    const { address } = await world.start({ limits: { streamMs: 200 } });
    openStream(address).call.write(RELEASE);
    await eventually(() => expect(told).toEqual(['received', 'expiring']));
  });

  test('ends with UNAVAILABLE when the server stops, after what comes before the end', async () => {
    const order: string[] = [];
    const { handler } = recorded();
    world.does.stream = () => ({
      ...handler,
      received: () => void order.push('received'),
      closed: () => void order.push('closed'),
    });
    const server = await world.start({
      beforeEnd: () => {
        order.push('before the end');
        return Promise.resolve();
      },
    });
    const { call, refusal, listen } = openStream(server.address);
    listen();
    call.write(RELEASE);
    await eventually(() => expect(order).toEqual(['received']));
    await server.stop();
    expect(await refusal()).toMatchObject({ code: 'UNAVAILABLE', reason: 'STOPPING' });
    expect(order).toEqual(['received', 'before the end', 'closed']);
  });

  test('for an actor does not start: streams are between services', async () => {
    const services = world.registrations().map((registration): ServiceRegistration => {
      if (!registration.name.endsWith('AuthorizationService')) return registration;
      const rule = permission('projects:read', { organization: 'organizationId' }) as unknown as ReturnType<
        typeof callerOnly
      >;
      return { ...registration, table: { ...registration.table, watchGrants: stream(rule, () => recorded().handler) } };
    });
    await expect(startServer(world.options({ services }))).rejects.toThrow(/WatchGrants streams for an actor/);
  });
});

test('no secret that a holder sends in the wrong place is logged', async () => {
  const { address } = await world.start();
  const { call, refusal, listen } = openStream(address);
  listen();
  call.write({ message: { $case: 'hello', value: { process: SECRET, kinds: [] } } });
  await refusal();
  expect(world.lines.join('')).not.toContain(SECRET);
});
