import { type LiveReplica } from '@latchkey/coherence';
import { type Memory, type Value } from '@latchkey/facts';

/** What a replica remembers, to judge from; at `now`, epoch ms, before it knows the database's time. */
export function memoryOf(replica: LiveReplica<Value>, now: () => number): Memory {
  return {
    check: replica.check.bind(replica),
    remembersHash: replica.remembersHash.bind(replica),
    now: (clock) => replica.now(clock) ?? now(),
  };
}
