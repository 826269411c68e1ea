// Decisions in process, without any server: from memory, inside a lease, to a verdict.
import { type Question } from '@latchkey/decision';
import { Dataset, type Size } from '../data/dataset';
import { type Filled, filledReplica } from '../data/filled';
import { randomOf, shuffled } from '../data/random';
import { answering, cpuMicros } from './answering';

export interface DecideStart {
  readonly root: string;
  readonly mongoUri: string;
  readonly redisUrl: string | undefined;
  readonly size: Size;
}

interface Asked {
  readonly key: string;
  readonly question: Question;
  readonly expected: boolean;
}

let filled: Filled | undefined;
let asked: Asked[] = [];

/** Decided between two turns of the event loop, in which the lease is renewed. */
const AT_ONCE = 2_000;

answering({
  async start({ root, mongoUri, redisUrl, size }: DecideStart): Promise<void> {
    const dataset = new Dataset(size, root);
    filled = await filledReplica({ mongoUri, redisUrl, dataset });
    await filled.fill(0, size.members);
    const random = randomOf(11);
    for (let member = 0; member < size.members; member++) {
      const { key, expected, ...question } = dataset.question(member, random);
      asked.push({ key, question, expected });
      if (member % AT_ONCE === 0) await new Promise(setImmediate);
    }
    asked = shuffled(asked, random);
  },

  /** CPU time for each of `checks` decisions over the first `keys` keys of a shuffled order, µs. */
  async decide({ checks, keys }: { checks: number; keys: number }): Promise<number> {
    if (filled === undefined) throw new Error('start comes first');
    const { judge } = filled;
    let used = 0;
    for (let done = 0; done < checks; done += AT_ONCE) {
      await new Promise(setImmediate);
      await filled.leased();
      const before = cpuMicros();
      for (let i = 0; i < AT_ONCE; i++) {
        const { key, question, expected } = asked[(done + i) % keys]!;
        const verdict = judge.judgeKey(key, question);
        if (verdict instanceof Promise) {
          // A role or workspace that no earlier question was about; there are few.
          if ((await verdict).allowed !== expected) throw new Error('a wrong decision');
        } else if (verdict.allowed !== expected) throw new Error(`a wrong decision: ${verdict.reason}`);
      }
      used += cpuMicros() - before;
    }
    return used / checks;
  },

  async stop(): Promise<void> {
    await filled?.stop();
  },
});
