// Decisions in process, without any server: from memory, inside a lease, to a verdict.
import { Dataset, justCome, type Question, type Size } from '../data/dataset';
import { type Filled, filledReplica } from '../data/filled';
import { randomOf, shuffled } from '../data/random';
import { answering, cpuMicros } from './answering';

export interface DecideStart {
  readonly root: string;
  readonly mongoUri: string;
  readonly redisUrl: string | undefined;
  readonly size: Size;
}

let filled: Filled | undefined;
let asked: Question[] = [];

/** Decided between two turns of the event loop, in which the lease is renewed. */
const AT_ONCE = 100;

answering({
  async start({ root, mongoUri, redisUrl, size }: DecideStart): Promise<void> {
    const dataset = new Dataset(size, root);
    filled = await filledReplica({ mongoUri, redisUrl, dataset });
    await filled.fill(0, size.members);
    const random = randomOf(11);
    for (let member = 0; member < size.members; member++) {
      asked.push(dataset.question(member, random));
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
      const questions = Array.from({ length: AT_ONCE }, (_, i) => justCome(asked[(done + i) % keys]!));
      const before = cpuMicros();
      for (const question of questions) {
        const { key, expected } = question;
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
