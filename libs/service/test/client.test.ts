import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import * as http2 from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityV1 } from '@latchkey/proto';
import {
  AppError,
  client,
  connect,
  type Connection,
  type ConnectOptions,
  systemContext,
  within,
} from '@latchkey/service';
import { createAuthority, eventually, freePort, openLink, readTls } from '@latchkey/testing';
import { ORGANIZATION, World, WORKSPACE } from './world';

let world: World;
let address: string;
let facts: ReturnType<typeof factsOver>;
const steps: string[] = [];

const FACT = { workspaceId: WORKSPACE };
const ANSWER = { workspaceId: WORKSPACE, organizationId: ORGANIZATION, active: true };

const open = (at: string, more: Partial<ConnectOptions> = {}): Connection => {
  const connection = connect({ address: at, tls: world.pki.files('key'), ...more });
  world.onEnd(() => connection.close());
  return connection;
};
const factsOver = (connection: Connection) => client(identityV1.FactServiceClient, connection);
/** Of a server of their own: how many calls have failed is counted per target, and decides about repeats. */
const freshFacts = async () => factsOver(open((await world.start()).address));

beforeAll(async () => {
  world = await World.create();
  ({ address } = await world.start());
  const checkpoint = (step: string) => Promise.resolve(void steps.push(step));
  facts = factsOver(open(address, { serviceName: 'server', checkpoint }));
});
beforeEach(() => {
  world.fresh();
  steps.length = 0;
});
afterAll(() => world.end());

const refusal = (call: Promise<unknown>): Promise<AppError> =>
  call.then(
    () => Promise.reject(new Error('the call was answered')),
    (error: AppError) => error,
  );

describe('what a call carries', () => {
  test('the remaining deadline and the traceparent are passed on', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const seen: unknown[] = [];
    world.does.fact = (ctx) => {
      seen.push(ctx.deadline, ctx.traceparent, ctx.actor);
      return Promise.resolve(ANSWER);
    };
    const outgoing = within(5_000, { traceparent });
    expect(await facts.getWorkspaceFact(FACT, outgoing)).toEqual({ fact: ANSWER });
    // The server's own limit would be ten seconds from now.
    expect(Math.abs(Number(seen[0]) - outgoing.deadline)).toBeLessThan(2_500);
    expect(seen.slice(1)).toEqual([traceparent, undefined]);
  });

  test('a cancellation is passed on, and the caller gets its reason', async () => {
    let told: unknown;
    world.does.fact = (ctx) =>
      new Promise((resolve) => {
        ctx.signal.addEventListener('abort', () => {
          told = ctx.signal.reason;
          resolve(undefined);
        });
        controller.abort(new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'hung up' }));
      });
    const controller = new AbortController();
    const error = await refusal(facts.getWorkspaceFact(FACT, within(1_000, { signal: controller.signal })));
    expect(error).toMatchObject({ code: 'CANCELLED', message: 'hung up' });
    await eventually(() => expect(told).toMatchObject({ code: 'CANCELLED' }));
  });

  test('the steps around a call are announced, before and after', async () => {
    await facts.getWorkspaceFact(FACT, within(1_000));
    expect(steps).toEqual(['call:identity.GetWorkspaceFact:before', 'call:identity.GetWorkspaceFact:after']);
  });
});

describe('what an error of another service means', () => {
  const failing = (thrown: Error) => {
    world.does.fact = () => Promise.reject(thrown);
    return refusal(facts.getWorkspaceFact(FACT, within(3_000)));
  };

  test.each(['NOT_FOUND', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'PERMISSION_DENIED', 'ABORTED'] as const)(
    '%s that it explains is passed on with reason and metadata',
    async (code) => {
      const thrown = new AppError({ code, reason: 'ROLE_IN_USE', message: 'in use', metadata: { role_id: 'role_1' } });
      const error = await failing(thrown);
      const { reason, message, metadata } = error;
      expect({ code: error.code, reason, message, metadata }).toEqual({
        code,
        reason: 'ROLE_IN_USE',
        message: 'in use',
        metadata: { role_id: 'role_1' },
      });
    },
  );

  test('broken fields are passed on with their violations', async () => {
    const error = await refusal(facts.getWorkspaceFact({ workspaceId: 'x' }, within(1_000)));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    expect(error.violations).toEqual([
      { field: 'workspace_id', rule: 'string.pattern', description: expect.stringContaining('pattern') as string },
    ]);
  });

  test('that it does not let us in is a fault of ours', async () => {
    const asWorker = factsOver(open(address, { tls: world.pki.files('worker') }));
    const nobody = factsOver(open(address, { tls: await world.certificate('nobody', undefined) }));
    for (const barred of [asWorker, nobody]) {
      const error = await refusal(barred.getWorkspaceFact(FACT, within(1_000)));
      expect(error).toMatchObject({ code: 'INTERNAL', message: 'internal error' });
      expect(String(error.cause)).toContain('identity.GetWorkspaceFact answered');
    }
  });

  test('a fault of its own is INTERNAL here too', async () => {
    expect(await failing(new Error('hunter2'))).toMatchObject({ code: 'INTERNAL', message: 'internal error' });
  });

  test('UNAVAILABLE is repeated a few times, then UNAVAILABLE with a retry hint', async () => {
    const untroubled = await freshFacts();
    let attempts = 0;
    world.does.fact = () => {
      attempts++;
      throw Object.assign(new Error('no store'), { name: 'MongoNetworkError' });
    };
    const error = await refusal(untroubled.getWorkspaceFact(FACT, within(5_000)));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'DEPENDENCY_UNAVAILABLE', retryAfterMs: 500 });
    expect(attempts).toBe(4);
  });

  test.each([
    'INVALID_ARGUMENT',
    'UNAUTHENTICATED',
    'PERMISSION_DENIED',
    'NOT_FOUND',
    'ALREADY_EXISTS',
    'FAILED_PRECONDITION',
    'ABORTED',
    'RESOURCE_EXHAUSTED',
    'DEADLINE_EXCEEDED',
    'CANCELLED',
    'INTERNAL',
  ] as const)('%s is not repeated: another attempt would change nothing, or be one too many', async (code) => {
    const untroubled = await freshFacts();
    let attempts = 0;
    world.does.fact = () => {
      attempts++;
      return Promise.reject(new AppError({ code, reason: 'AS_TOLD', message: 'as told' }));
    };
    await refusal(untroubled.getWorkspaceFact(FACT, within(5_000)));
    expect(attempts).toBe(1);
  });

  test('where most calls fail none is repeated, so that repeats do not feed an outage, until enough have been answered again', async () => {
    const troubled = await freshFacts();
    let attempts = 0;
    const failing = (): Promise<undefined> => {
      attempts++;
      return Promise.reject(new AppError({ code: 'UNAVAILABLE', reason: 'AWAY', message: 'away' }));
    };
    world.does.fact = failing;
    for (let call = 0; call < 20; call++) await refusal(troubled.getWorkspaceFact(FACT, within(5_000)));
    // Of ten tokens each failure takes one, and with half of them gone nothing is repeated: only the first call was.
    expect(attempts).toBe(20 + 3);

    world.does.fact = () => Promise.resolve(ANSWER);
    for (let call = 0; call < 80; call++) await troubled.getWorkspaceFact(FACT, within(5_000));
    world.does.fact = failing;
    attempts = 0;
    await refusal(troubled.getWorkspaceFact(FACT, within(5_000)));
    expect(attempts).toBeGreaterThan(1);
  });

  test('that its connection was closed beneath the call is UNAVAILABLE, with a retry hint', async () => {
    const breaking = http2.createSecureServer({ ...readTls(world.pki.files('server')), requestCert: true });
    // What nghttp2 does to a client that resets too many streams.
    breaking.on('stream', ({ session }) => session?.goaway(http2.constants.NGHTTP2_INTERNAL_ERROR));
    breaking.listen(0, 'localhost');
    await once(breaking, 'listening');
    world.onEnd(() => void breaking.close());
    const broken = factsOver(open(`localhost:${(breaking.address() as AddressInfo).port}`));
    expect(await refusal(broken.getWorkspaceFact(FACT, within(5_000)))).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'DEPENDENCY_UNAVAILABLE',
      retryAfterMs: 500,
    });
  });

  test('our own deadline is DEADLINE_EXCEEDED, also when it has passed before the call', async () => {
    world.does.fact = () => sleep(400).then(() => ANSWER);
    const deadline = { code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE_EXCEEDED' };
    expect(await refusal(facts.getWorkspaceFact(FACT, within(100)))).toMatchObject(deadline);
    expect(await refusal(facts.getWorkspaceFact(FACT, within(-1)))).toMatchObject(deadline);
    const system = systemContext('relay', { log: world.log, timeoutMs: 100 });
    expect(await refusal(facts.getWorkspaceFact(FACT, system))).toMatchObject(deadline);
  });

  test('a dependency that is not there is UNAVAILABLE, and is found again when it is back', async () => {
    const port = await freePort();
    const absent = factsOver(open(`localhost:${port}`));
    expect(await refusal(absent.getWorkspaceFact(FACT, within(3_000)))).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'DEPENDENCY_UNAVAILABLE',
    });
    await world.start({ listen: `localhost:${port}` });
    await eventually(() => absent.getWorkspaceFact(FACT, within(1_000)));
  });
});

describe('a connection that goes silent without ending', () => {
  const keepalive = { everyMs: 300, withinMs: 300 };

  test('is given up after the keepalive, and what was asked over it is asked over another', async () => {
    const links = await Promise.all([openLink(Number(address.split(':')[1])), openLink(Number(address.split(':')[1]))]);
    world.onEnd(() => links.forEach((link) => link.close()));
    const target = `ipv4:${links.map(({ port }) => `127.0.0.1:${port}`).join()}`;
    const both = factsOver(open(target, { keepalive, loadBalancing: 'round_robin' }));
    world.does.fact = () => Promise.resolve(ANSWER);
    const ask = () => both.getWorkspaceFact(FACT, within(20_000));
    await eventually(async () => {
      await ask();
      expect(links.map(({ connections }) => connections)).toEqual([1, 1]);
    });
    links[0]?.set('blackHole');
    // Half of them went into the hole, and come back long before their deadlines. No more than are repeated: see the throttling above.
    expect(await Promise.all([ask(), ask(), ask(), ask()])).toEqual([1, 2, 3, 4].map(() => ({ fact: ANSWER })));
  });

  test('is made anew where there is no other, and a call that waits is answered as soon as it can be', async () => {
    const link = await openLink(Number(address.split(':')[1]));
    world.onEnd(() => link.close());
    const only = factsOver(open(`localhost:${link.port}`, { keepalive }));
    world.does.fact = () => Promise.resolve(ANSWER);
    await only.getWorkspaceFact(FACT, within(5_000));
    link.set('blackHole');
    const waiting = only.getWorkspaceFact(FACT, within(20_000));
    await eventually(() => expect(link.connections).toBe(2), { timeoutMs: 20_000 });
    link.set('open');
    expect(await waiting).toEqual({ fact: ANSWER });
  });

  test('a server takes more signs of life than a client ever asks for, and says nothing of too many pings', async () => {
    // What the client sends in an hour with a stream that is always open, in a moment.
    const session = http2.connect(`https://${address}`, readTls(world.pki.files('key')));
    world.onEnd(() => session.destroy());
    const goaway = jest.fn();
    session.on('goaway', goaway);
    await once(session, 'connect');
    for (let ping = 0; ping < 120; ping++) {
      await new Promise<void>((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));
    }
    expect(goaway).not.toHaveBeenCalled();
    expect(session.closed).toBe(false);
  });
});

test('what is asked after close() is UNAVAILABLE', async () => {
  const connection = open(address);
  await factsOver(connection).getWorkspaceFact(FACT, within(5_000));
  connection.close();
  const closed = { code: 'UNAVAILABLE', reason: 'CLOSED', retryAfterMs: 500 };
  expect(await refusal(factsOver(connection).getWorkspaceFact(FACT, within(5_000)))).toMatchObject(closed);
});

describe('who is on the other end', () => {
  test('a server with another SPIFFE name is not spoken to', async () => {
    const wrong = factsOver(open(address, { serviceName: 'role' }));
    const error = await refusal(wrong.getWorkspaceFact(FACT, within(2_000)));
    expect(error.code).toBe('UNAVAILABLE');
    expect(String((error.cause as Error).message)).toContain('is server, not role');
  });

  test('a server of another authority is not spoken to', async () => {
    const { cert } = await createAuthority();
    const tls = await world.certificate('trusts-another', 'spiffe://latchkey/key');
    writeFileSync(`${tls.cert}.ca`, cert.toString('pem'));
    const stranger = factsOver(open(address, { tls: { ...tls, ca: `${tls.cert}.ca` } }));
    expect((await refusal(stranger.getWorkspaceFact(FACT, within(2_000)))).code).toBe('UNAVAILABLE');
  });

  test('a peer that accepts and says nothing does not hold the channel for ever', async () => {
    const port = await freePort();
    const sockets = new Set<Socket>();
    const mute = createServer((socket) => void sockets.add(socket));
    world.onEnd(() => {
      mute.close();
      sockets.forEach((socket) => socket.destroy());
    });
    await new Promise<void>((resolve) => mute.listen(port, 'localhost', resolve));
    const stuck = factsOver(open(`localhost:${port}`, { stuckMs: 500 }));
    // No connection in time is no answer that is late.
    expect(await refusal(stuck.getWorkspaceFact(FACT, within(700)))).toMatchObject({
      code: 'UNAVAILABLE',
      retryAfterMs: 500,
    });
    await new Promise((resolve) => mute.close(resolve) && setTimeout(resolve, 0));
    await world.start({ listen: `localhost:${port}` });
    await eventually(() => stuck.getWorkspaceFact(FACT, within(300)), { timeoutMs: 3_000 });
  });

  test('an answer over the limit of the client is a fault, not an answer', async () => {
    world.does.fact = () => Promise.resolve({ ...ANSWER, organizationId: 'x'.repeat(2_000) });
    const small = factsOver(open(address, { messageBytes: 1_000 }));
    const error = await refusal(small.getWorkspaceFact(FACT, within(1_000)));
    expect(error).toMatchObject({ code: 'INTERNAL', message: 'internal error' });
    expect(String(error.cause)).toContain('RESOURCE_EXHAUSTED');
    expect((await facts.getWorkspaceFact(FACT, within(1_000))).fact?.organizationId).toHaveLength(2_000);
  });
});
