import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { settledWithin } from '@latchkey/coherence';
import {
  type CallOptions,
  eventually,
  LONGEST_RECONNECT_MS,
  newTenant,
  repositoryRoot,
  startTestSuite,
  type Tenant,
  type TestSuite,
} from '@latchkey/testing';

/** More steps than any flow has: a flow that still dies here does not end. */
export const MOST_STEPS = 30;

/** For a process whose call has failed to be seen dead, ms. */
const EXIT_LIMIT_MS = 20_000;

type App = 'identity' | 'role' | 'key';

/** A suite in which one app kills itself, as kill -9 would, at the step of its work that a test names. */
export class CrashSuite {
  private constructor(
    readonly suite: TestSuite,
    readonly tenant: Tenant,
    private readonly app: App,
    private readonly armFile: string,
  ) {}

  static async start(app: App): Promise<CrashSuite> {
    const suite = await startTestSuite({
      mains: { [app]: join(repositoryRoot, 'apps', app, 'dist/crash-main.js') },
      // Writers wait for a killed replica until its lease is over: a short one, since a great many are killed here.
      env: { all: { LATCHKEY_LEASE_MS: '2000' }, [app]: { LATCHKEY_TEST_CRASH_FILE: '' } },
    });
    const armFile = join(suite.dir, 'crash');
    await suite.processes[app].restart({ env: { LATCHKEY_TEST_CRASH_FILE: armFile } });
    const tenant = await eventually(() => newTenant(suite.api));
    return new CrashSuite(suite, tenant, app, armFile);
  }

  /** Makes the call while the app is to die at this step; says whether it died, and starts it again if so. */
  async killAt<A>(
    step: number,
    call: () => Promise<A>,
    env: Record<string, string> = {},
  ): Promise<{ answer: A } | 'died'> {
    const process = this.suite.processes[this.app];
    writeFileSync(this.armFile, String(step));
    const outcome = await call().then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    );
    rmSync(this.armFile);
    // A call may be answered, and a background step have killed the process just after; that takes a moment to be seen.
    await sleep(200);
    if ('answer' in outcome && process.running) return outcome;
    const exited = await settledWithin(process.exited, EXIT_LIMIT_MS);
    // Refused without ever getting to that step: the reason says more than waiting for ever.
    if (exited === undefined && 'error' in outcome) throw outcome.error;
    await process.restart({ env });
    await this.untilReachable();
    return 'died';
  }

  /**
   * Kills the app at step 1, 2, 3 … of the call, starts it again, repeats the call with the same request_id, and has `check` look
   * at the answer; until the call is answered without a death. Answers at how many steps it died.
   */
  async killBetweenAnyTwoSteps<A>(
    call: (requestId: string, options: CallOptions) => Promise<A>,
    check: (answer: A) => Promise<void>,
    prepare: () => Promise<void> = () => Promise.resolve(),
  ): Promise<number> {
    for (let step = 1; step <= MOST_STEPS; step++) {
      await prepare();
      const requestId = randomBytes(8).toString('hex');
      const outcome = await this.killAt(step, () => call(requestId, { timeoutMs: 10_000 }));
      if (outcome !== 'died') {
        await check(outcome.answer);
        return step - 1;
      }
      // A transaction that was open when the process died holds its locks until the database gives it up.
      await check(await eventually(() => call(requestId, {}), { timeoutMs: 60_000 }));
      // And once more: it is so, and stays so.
      await check(await call(requestId, {}));
    }
    throw new Error(`the call still dies at step ${MOST_STEPS}`);
  }

  /** A whole new tenant takes fresh facts of every service to every other: what memory knows already would prove nothing. */
  private async untilReachable(): Promise<void> {
    await eventually(() => newTenant(this.suite.api), { timeoutMs: 30_000, intervalMs: 200 });
    // Each client has a connection of its own.
    await sleep(LONGEST_RECONNECT_MS);
  }
}
