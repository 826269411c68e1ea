// What calls leave among the old objects, by the call, after a full collection: printed as JSON. A process of its own, as services
// are: what other code has made V8 decide about objects stays decided.
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { tuneV8 } from '@latchkey/service';
import { eventually } from '@latchkey/testing';
import { World } from './world';

const CALLS = 4_000;
/** Enough for most of them to see a collection of the young, and no full one. */
const TIMES = 5;
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

async function measure(): Promise<void> {
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
    const enough = (): void => {
      if (Atomics.load(done, 0) < end) throw new Error('too few calls were answered');
    };
    await Promise.race([failed, eventually(enough, PATIENCE)]);
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
    console.log(JSON.stringify(grown));
  } finally {
    await worker.terminate();
    await world.end();
  }
}

function oldBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')!.space_used_size;
}

measure().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
