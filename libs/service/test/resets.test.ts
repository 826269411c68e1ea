import { once } from 'node:events';
import { constants } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { identityV1 } from '@latchkey/proto';
import { client, connect, within } from '@latchkey/service';
import { eventually, readTls } from '@latchkey/testing';
import { ORGANIZATION, World, WORKSPACE } from './world';

// Resets of streams are how HTTP/2 says "I do not want the answer any more": a client whose deadlines run out sends many, and so does
// whoever attacks a server with them. Where the border is, Node's version decides, so what holds is said for each.

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** Whether a server of this Node can be told of other limits than nghttp2's own. */
const SETTABLE = major > 22 || (major === 22 && minor >= 10);
/** At once on one connection, and further ones a second. */
const LIMITS = SETTABLE ? { burst: 100_000, rate: 10_000 } : { burst: 1_000, rate: 33 };

const FACT = { workspaceId: WORKSPACE };
const ANSWER = { workspaceId: WORKSPACE, organizationId: ORGANIZATION, active: true };

let world: World;
beforeAll(async () => {
  world = await World.create();
});
beforeEach(() => world.fresh());
afterAll(() => world.end());

/** One connection of the caller `key`. */
function newCaller(address: string) {
  const connection = connect({ address, tls: world.pki.files('key') });
  world.onEnd(() => connection.close());
  return client(identityV1.FactServiceClient, connection);
}

test(`a caller that gives up ${SETTABLE ? '3,000' : '900'} calls disturbs none of those beside them on its connection`, async () => {
  let begun = 0;
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  world.does.fact = async ({ signal }) => {
    begun++;
    await Promise.race([released, once(signal, 'abort')]);
    return ANSWER;
  };
  const { address } = await world.start({ limits: { deadlineMs: 60_000 } });
  const facts = newCaller(address);
  const innocent = Promise.allSettled(Array.from({ length: 16 }, () => facts.getWorkspaceFact(FACT, within(50_000))));
  await eventually(() => expect(begun).toBe(16));

  const [waves, each] = [SETTABLE ? 10 : 3, 300];
  for (let wave = 1; wave <= waves; wave++) {
    const givingUp = Array.from({ length: each }, () => new AbortController());
    const calls = givingUp.map(({ signal }) => facts.getWorkspaceFact(FACT, within(50_000, { signal })));
    await eventually(() => expect(begun).toBe(16 + wave * each), { timeoutMs: 20_000 });
    givingUp.forEach((each) => each.abort());
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  }

  release();
  expect(await innocent).toEqual(Array.from({ length: 16 }, () => ({ status: 'fulfilled', value: { fact: ANSWER } })));
});

test('a caller that opens streams only to reset them is cut off, and no one else', async () => {
  world.does.fact = () => Promise.resolve(ANSWER);
  const { address } = await world.start();
  const other = newCaller(address);
  await other.getWorkspaceFact(FACT, within(10_000));

  const attack = await resetStorm(address, { most: LIMITS.burst * 20, untilMs: 25_000 });
  // A machine on which a connection brings in no more than the rate that is allowed has nobody to cut off.
  const allowed = LIMITS.burst + LIMITS.rate * Math.ceil(attack.seconds) + attack.buffered;
  if (!attack.cutOff) expect(attack.streams).toBeLessThanOrEqual(allowed);
  else expect(attack.streams).toBeGreaterThanOrEqual(LIMITS.burst);

  expect(await other.getWorkspaceFact(FACT, within(10_000))).toEqual({ fact: ANSWER });
  // Who was cut off is let in again, over another connection.
  expect(await newCaller(address).getWorkspaceFact(FACT, within(10_000))).toEqual({ fact: ANSWER });
});

/** Opens and resets streams on one connection as quickly as they can be written; says how many were, and whether the server ended it. */
async function resetStorm(
  address: string,
  { most, untilMs }: { most: number; untilMs: number },
): Promise<{ streams: number; seconds: number; cutOff: boolean; buffered: number }> {
  const socket = await connected(address);
  let cutOff = false;
  socket.on('data', (bytes: Buffer) => (cutOff ||= hasGoaway(bytes)));
  socket.on('close', () => (cutOff = true));
  // Writes to a connection that was cut off fail; that it was is what counts.
  socket.on('error', () => undefined);
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('SETTINGS', 0, 0)]));
  const begun = performance.now();
  let streams = 0;
  while (!cutOff && streams < most && performance.now() - begun < untilMs) {
    const full = !socket.write(Buffer.concat(Array.from({ length: 200 }, () => openedAndReset(1 + 2 * streams++))));
    // The server may have stopped reading: then there is nothing to wait for but the end.
    if (full) await Promise.race([once(socket, 'drain'), once(socket, 'close'), sleep(1_000)]).catch(() => undefined);
    else await new Promise(setImmediate);
  }
  const seconds = (performance.now() - begun) / 1_000;
  await eventually(() => expect(cutOff).toBe(true), { timeoutMs: 3_000 }).catch(() => undefined);
  const size = openedAndReset(1).length;
  socket.destroy();
  return { streams, seconds, cutOff, buffered: Math.ceil((8 * 1024 * 1024) / size) };
}

async function connected(address: string): Promise<TLSSocket> {
  const socket = connectTls({
    host: 'localhost',
    port: Number(address.split(':')[1]),
    servername: 'localhost',
    ALPNProtocols: ['h2'],
    ...readTls(world.pki.files('ops')),
  });
  await once(socket, 'secureConnect');
  return socket;
}

const FRAMES = { HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, GOAWAY: 7 } as const;
const END_HEADERS = 4;

function frame(type: keyof typeof FRAMES, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(FRAMES[type], 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK without a table: names and values in clear, so that each block means the same. */
const literal = (...texts: string[]): Buffer[] =>
  texts.flatMap((text) => [Buffer.from([text.length]), Buffer.from(text)]);
const CALL = Buffer.concat([
  ...[':method', 'POST', ':scheme', 'https', ':path', '/latchkey.identity.v1.FactService/GetWorkspaceFact']
    .concat([':authority', 'localhost', 'content-type', 'application/grpc', 'te', 'trailers'])
    .flatMap((text, place) => [...(place % 2 === 0 ? [Buffer.from([0])] : []), ...literal(text)]),
]);
const CANCEL = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);

function openedAndReset(stream: number): Buffer {
  return Buffer.concat([frame('HEADERS', END_HEADERS, stream, CALL), frame('RST_STREAM', 0, stream, CANCEL)]);
}

/** Frames arrive whole here: what a server says to somebody who asks for nothing is short. */
function hasGoaway(bytes: Buffer): boolean {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === FRAMES.GOAWAY) return true;
  }
  return false;
}
