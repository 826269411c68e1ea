import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { tuneV8 } from '@latchkey/service';
import { eventually } from '@latchkey/testing';
import { SessionStreams } from '../src/session-streams';
import { World } from './world';

const CALLS = 4_000;
/** Enough for most of them to see a collection of the young, and no full one. */
const TIMES = 5;
/** A call leaves some 400 to 700 bytes among old objects by itself, and 4,000 where its session keeps streams in a Map. */
const MOST_BYTES = 1_500;
/** For {@link CALLS}, however slow the machine is. */
const PATIENCE = { timeoutMs: 20_000 };

/** Calls over and over, 16 at a time, with a heap of its own; what the client leaves behind is not looked at. */
const CALLING = `
const { readFileSync } = require('node:fs');
const { workerData: { grpc: module, address, tls, done } } = require('node:worker_threads');
const grpc = require(module);
const credentials = grpc.credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert));
const client = new grpc.Client(address, credentials);
const call = () => client.makeUnaryRequest('/grpc.health.v1.Health/Check', (bytes) => bytes, (bytes) => bytes, Buffer.alloc(0), (error) => {
  if (error) throw error;
  Atomics.add(done, 0, 1);
  call();
});
for (let i = 0; i < 16; i++) call();
`;

test('what calls leave behind is collected young, also after a full collection', async () => {
  // As runMain does.
  tuneV8();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const world = await World.create();
  const { address } = await world.start();
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(CALLING, {
    eval: true,
    workerData: { grpc: require.resolve('@grpc/grpc-js'), address, tls: world.pki.files('ops'), done },
  });
  const failed = new Promise<never>((_resolve, reject) => worker.once('error', reject));
  const after = async (calls: number): Promise<void> => {
    const end = Atomics.load(done, 0) + calls;
    await Promise.race([failed, eventually(() => expect(Atomics.load(done, 0)).toBeGreaterThanOrEqual(end), PATIENCE)]);
  };
  try {
    await after(CALLS);
    collect();
    const grown: number[] = [];
    for (let i = 0; i < TIMES; i++) {
      const before = oldBytes();
      await after(CALLS);
      grown.push((oldBytes() - before) / CALLS);
    }
    expect(grown.toSorted((a, b) => a - b)[Math.floor(TIMES / 2)]).toBeLessThan(MOST_BYTES);
  } finally {
    await worker.terminate();
    await world.end();
  }
});

function oldBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')!.space_used_size;
}

test('streams are found, counted and gone through as in a Map', () => {
  const streams = new SessionStreams<string>();
  expect(streams.set(1, 'first').set(3, 'second').set(3, 'third').size).toBe(2);
  expect([...streams]).toEqual([
    [1, 'first'],
    [3, 'third'],
  ]);
  expect([streams.get(3), streams.get(5), streams.has(1), streams.has(5)]).toEqual(['third', undefined, true, false]);
  const met: (readonly [number, string])[] = [];
  streams.forEach((stream, id, all) => {
    met.push([id, stream]);
    all.delete(3);
  });
  expect(met).toEqual([
    [1, 'first'],
    [3, 'third'],
  ]);
  expect([streams.delete(3), streams.delete(1), streams.delete(1), streams.size]).toEqual([false, true, false, 0]);
  expect([streams.get(0), streams.has(0), streams.delete(0), streams.size]).toEqual([undefined, false, false, 0]);
  expect([...streams.set(7, 'another').set(9, 'one more').keys()]).toEqual([7, 9]);
  streams.clear();
  expect([[...streams.keys()], [...streams.values()], streams.size]).toEqual([[], [], 0]);
});
