import { setTimeout as sleep } from 'node:timers/promises';
import { LatchkeyError } from '@latchkey/client';
import { eventually, freePort } from '@latchkey/testing';
import { QUESTION, Replicas, type Replica } from './replicas';

let replicas: Replicas;
beforeAll(async () => {
  replicas = await Replicas.create();
});
afterAll(() => replicas.end());

const UNAVAILABLE = { name: 'LatchkeyError', code: 'UNAVAILABLE', retryAfterMs: expect.any(Number) as number };

describe('several replicas behind one name', () => {
  let three: Replica[];
  let client: ReturnType<Replicas['client']>;

  /** Asks so often, one after the other, and says how often each replica was asked. */
  const ask = async (times: number): Promise<number[]> => {
    const before = three.map(({ asked }) => asked);
    for (let time = 0; time < times; time++) {
      expect(await client.authorize(QUESTION, { deadlineMs: 20_000 })).toMatchObject({
        allowed: true,
        source: 'server',
      });
    }
    return three.map(({ asked }, place) => asked - (before[place] ?? 0));
  };

  beforeAll(async () => {
    three = await Promise.all([replicas.start(), replicas.start(), replicas.start()]);
    client = replicas.client(three.map(({ link }) => link.port));
    // Until it has reached all of them, those that it has are asked.
    await eventually(async () => expect(Math.min(...(await ask(6)))).toBeGreaterThan(0));
  });

  test('are asked in turn, each over one connection, whoever asks how much', async () => {
    for (const times of await ask(30)) expect(times).toBeGreaterThanOrEqual(8);
    await Promise.all(Array.from({ length: 60 }, () => client.authorize(QUESTION)));
    expect(three.map(({ link }) => link.connections)).toEqual([1, 1, 1]);
  });

  test('go on being asked when one dies, and no question is lost', async () => {
    const [dying] = three;
    dying?.link.close();
    const [dead, ...others] = await ask(30);
    expect(dead).toBe(0);
    for (const times of others) expect(times).toBeGreaterThanOrEqual(12);
  });
});

describe('neither a lease nor a server', () => {
  test('is UNAVAILABLE with a retry hint, also when nobody says so and the deadline passes', async () => {
    const { link: mute } = await replicas.start();
    mute.set('blackHole');
    // Nobody listens; somebody does and never says a word; and the first again, with no time for a second attempt.
    const refusing = replicas.client([await freePort()]);
    const silent = replicas.client([mute.port], { deadlineMs: 500 });
    for (const [client, deadlineMs] of [
      [refusing, undefined],
      [silent, undefined],
      [silent, 50],
      [refusing, 50],
    ] as const) {
      await expect(client.authorize(QUESTION, { deadlineMs })).rejects.toMatchObject(UNAVAILABLE);
      expect(await client.authorizeBatch([QUESTION, QUESTION], { deadlineMs })).toMatchObject([
        { ok: false, error: UNAVAILABLE },
        { ok: false, error: UNAVAILABLE },
      ]);
      await expect(client.ready(10)).rejects.toMatchObject(UNAVAILABLE);
    }
  });

  test('is told from a server that is slow: that is DEADLINE_EXCEEDED', async () => {
    const replica = await replicas.start();
    const client = replicas.client([replica.link.port]);
    await client.authorize(QUESTION);
    replica.before = () => sleep(2_000);
    const late = { name: 'LatchkeyError', code: 'DEADLINE_EXCEEDED' };
    await expect(client.authorize(QUESTION, { deadlineMs: 200 })).rejects.toMatchObject(late);
    expect(await client.authorizeBatch([QUESTION], { deadlineMs: 200 })).toMatchObject([{ ok: false, error: late }]);
  });
});

test('a malformed question is not sent, by itself or with others', async () => {
  const replica = await replicas.start();
  const client = replicas.client([replica.link.port]);
  const tooLong = { ...QUESTION, key: 'x'.repeat(70_000) };
  const refused = {
    name: 'LatchkeyError',
    code: 'INVALID_ARGUMENT',
    violations: [{ field: 'key', rule: 'string.max_bytes' }],
  };
  await expect(client.authorize(tooLong)).rejects.toMatchObject(refused);
  expect(replica.asked).toBe(0);
  const answered = { ok: true, decision: { allowed: true } };
  expect(await client.authorizeBatch([QUESTION, tooLong, QUESTION])).toMatchObject([
    answered,
    { ok: false, error: refused },
    answered,
  ]);
  expect(replica.asked).toBe(1);
});

test('a question that is given up is CANCELLED, whatever it waits for', async () => {
  const replica = await replicas.start();
  const client = replicas.client([replica.link.port]);
  const cancelled = { name: 'LatchkeyError', code: 'CANCELLED' };
  await expect(client.authorize(QUESTION, { signal: AbortSignal.abort() })).rejects.toMatchObject(cancelled);
  const givenUp = new AbortController();
  replica.before = () => {
    givenUp.abort();
    return sleep(2_000);
  };
  await expect(client.authorize(QUESTION, { signal: givenUp.signal })).rejects.toMatchObject(cancelled);
});

test('close() ends its timers, stream and connection, opens none again, and leaves questions a typed error', async () => {
  const replica = await replicas.start();
  const [started, ended] = [jest.spyOn(globalThis, 'setInterval'), jest.spyOn(globalThis, 'clearInterval')];
  const client = replicas.client([replica.link.port]);
  const timers = started.mock.results.map(({ value }) => value as NodeJS.Timeout);
  started.mockRestore();
  await client.authorize(QUESTION);
  await eventually(() => expect(replica.streams).toEqual({ opened: 1, open: 1 }));
  await client.close();
  expect(timers.length).toBeGreaterThanOrEqual(2);
  const over = new Set<unknown>(ended.mock.calls.map(([timer]) => timer));
  expect(timers.filter((timer) => !over.has(timer)).length).toBe(0);
  ended.mockRestore();
  await eventually(() => expect(replica.streams).toEqual({ opened: 1, open: 0 }));
  await eventually(() => expect(replica.link.open).toBe(0));

  const error: unknown = await client.authorize(QUESTION).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LatchkeyError);
  expect(error).toMatchObject({ ...UNAVAILABLE, reason: 'CLOSED' });
  expect(await client.authorizeBatch([QUESTION])).toMatchObject([{ ok: false, error: { reason: 'CLOSED' } }]);
  await expect(client.ready(10)).rejects.toMatchObject(UNAVAILABLE);
  await client.close();

  // Longer than between two attempts to open a stream.
  await sleep(1_000);
  expect(replica.streams.opened).toBe(1);
  expect([replica.link.connections, replica.link.open]).toEqual([1, 0]);
});
