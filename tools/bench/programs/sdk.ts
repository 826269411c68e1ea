// The SDK as a product's own process uses it: its memory is filled over the stream of a real server.
import { connectLatchkey, type LatchkeyClient } from '@latchkey/client';
import { type TlsFiles } from '@latchkey/service';
import { Dataset, justCome, type Question, type Size } from '../data/dataset';
import { randomOf, shuffled } from '../data/random';
import { answering, cpuMicros } from './answering';

export interface SdkStart {
  readonly root: string;
  readonly port: number;
  readonly tls: TlsFiles;
  readonly size: Size;
}

let client: LatchkeyClient | undefined;
let asked: Question[] = [];

const AT_ONCE = 100;
const READY_MS = 30_000;

answering({
  async start({ root, port, tls, size }: SdkStart): Promise<void> {
    const memory = { entitiesPerKind: size.members + 50_000, unknown: 100_000 };
    const connected = connectLatchkey({ address: `localhost:${port}`, tls, memory });
    client = connected;
    await connected.ready(READY_MS);
    const dataset = new Dataset(size, root);
    const random = randomOf(11);
    const all = Array.from({ length: size.members }, (_, member) => dataset.question(member, random));
    asked = shuffled(all, random);
    for (let at = 0; at < asked.length; at += AT_ONCE) {
      const part = asked.slice(at, at + AT_ONCE);
      await Promise.all(part.map((question) => connected.authorize(question)));
    }
  },

  /** CPU time for each of `checks` questions that memory answered, over the first `keys` of them, µs. */
  async decide({ checks, keys }: { checks: number; keys: number }): Promise<number> {
    if (client === undefined) throw new Error('start comes first');
    let used = 0;
    let counted = 0;
    for (let done = 0; done < checks; done += AT_ONCE) {
      // The lease is renewed between two turns.
      if (done % (20 * AT_ONCE) === 0) {
        await new Promise(setImmediate);
        await client.ready(READY_MS);
      }
      const questions = Array.from({ length: AT_ONCE }, (_, i) => justCome(asked[(done + i) % keys]!));
      const before = cpuMicros();
      let fromMemory = true;
      for (const question of questions) {
        const { allowed, source, reason } = await client.authorize(question);
        if (allowed !== question.expected) throw new Error(`a wrong decision: ${reason}`);
        fromMemory &&= source === 'memory';
      }
      // Lost leases and the few facts that no earlier question needed are not what is measured.
      if (!fromMemory) continue;
      used += cpuMicros() - before;
      counted += AT_ONCE;
    }
    return used / counted;
  },
});
