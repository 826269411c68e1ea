import type { BarrierWrapper } from '@latchkey/coherence';
import type { Logger } from '@latchkey/service';

/** As long as any wait may take, ms: nobody waits for it. */
const LIMIT_MS = 60_000;

/** Announces changes as always, and lets mutations be acknowledged before anybody has heard of them. */
export function withoutWaiting(log: Logger): BarrierWrapper {
  return (real) => ({
    pass: (events, _ctx, onBumped) => {
      const ctx = { deadline: Date.now() + LIMIT_MS, signal: new AbortController().signal };
      real.pass(events, ctx, onBumped).catch((err: unknown) => log.warn({ err }, 'a change was never announced'));
      return Promise.resolve();
    },
  });
}
