import { setTimeout as sleep } from 'node:timers/promises';
import { type Coherence, LiveReplica, openCoherence, restoreEpoch } from '@latchkey/coherence';
import { inOrder } from '@latchkey/service';
import { type Captured, capturedLog } from '../harness';
import { type Facts, parameters, read } from './world';

export interface ProcessSetting {
  readonly mongoUri: string;
  readonly redisUrl?: string;
  readonly dataDir?: string;
}

/** The state that decisions are made of; a test that restores it from a backup sets it back. */
export interface Truth {
  value: number;
}

/** What one process of a service has of the protocol: a writer, a replica, and its memory. */
export interface TestProcess {
  readonly coherence: Coherence;
  readonly replica: LiveReplica<Facts>;
  readonly logged: Captured;
  check(): Promise<number>;
  /** A change, as the path of mutations makes it; and until it is in the epoch document, since no backup is taken in that moment. */
  write(value: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startProcess(
  { mongoUri, redisUrl, dataDir }: ProcessSetting,
  truth: Truth,
): Promise<TestProcess> {
  const logged = capturedLog();
  return await inOrder(async (onStop) => {
    const options = { mongoUri, redisUrl, dataDir, leaseMs: parameters.leaseMs, log: logged.log };
    const coherence = await openCoherence(options, onStop);
    const replica = new LiveReplica<Facts>({
      ...coherence,
      kinds: ['fact'],
      limits: { entitiesPerKind: 1_000, unknown: 1_000 },
      log: logged.log,
      load: () => {
        const entity = { kind: 'fact', id: 'f', hashes: [], within: [], value: { value: truth.value } };
        return Promise.resolve({ entities: [entity], absent: [] });
      },
    });
    replica.start();
    onStop(() => replica.leave());
    return {
      coherence,
      replica,
      logged,
      check: async () => replica.check(read),
      async write(value: number) {
        coherence.barrier.admit?.();
        truth.value = value;
        const ctx = { deadline: Date.now() + 15_000, signal: new AbortController().signal };
        let onBumped = (): void => undefined;
        const bumped = new Promise<void>((resolve) => (onBumped = resolve));
        await coherence.barrier.pass([{ kind: 'fact', id: 'f', hashes: [] }], ctx, onBumped);
        await bumped;
      },
    };
  });
}

/** The operator's command; returns what it said. */
export async function restore({ mongoUri, redisUrl }: ProcessSetting): Promise<string[]> {
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  await restoreEpoch({ mongoUri, redisUrl, longestLeaseMs: parameters.leaseMs, newerThan: undefined, say });
  return said;
}

/** For longer than a start, or a replica that goes on trying, would need: none of them serves, or may change anything. */
export async function stayRefusing(processes: readonly TestProcess[], forMs = 1_500): Promise<void> {
  const end = performance.now() + forMs;
  while (performance.now() < end) {
    for (const { replica, coherence, write, check } of processes) {
      expect(replica.serving).toBe(false);
      expect(() => coherence.assertTrusted()).toThrow('latchkey restore');
      await expect(check()).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'NO_LEASE' });
      await expect(write(-1)).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'EPOCH_BEHIND' });
    }
    await sleep(50);
  }
}

/** The error lines in a captured log. */
export function errorsOf({ lines }: Captured): Record<string, unknown>[] {
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ level }) => level === 50 || level === 'error');
}
