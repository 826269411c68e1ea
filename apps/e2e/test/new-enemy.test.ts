import { KINDS } from '../../../tools/new-enemy/kinds';
import { summarize } from '../../../tools/new-enemy/report';
import { type NewEnemyOptions, runNewEnemy } from '../../../tools/new-enemy/run';

/** The short form of `npm run new-enemy`: no faults, and as many races as there is time for. */
const SHORT: NewEnemyOptions = {
  races: 400,
  limitMs: 10_000,
  leastChecks: 10_000,
  kinds: KINDS,
  faults: ['none'],
  seed: 4,
  withoutBarrier: false,
  lanes: 6,
  pauses: { batchMs: 2, unaryMs: 1, sdkMs: 10 },
  log: () => undefined,
};

const LIMIT_MS = 180_000;

test(
  'no-check-that-starts-after-an-acknowledgement-is-allowed, whatever was changed',
  async () => {
    const { text, verdict, good } = summarize(await runNewEnemy(SHORT));
    console.log(JSON.stringify(verdict));
    if (!good) throw new Error(text.join('\n'));
    expect(verdict).toMatchObject({ kinds: KINDS.length, staleAccepts: 0, otherViolations: 0 });
    expect(verdict.racingChecks).toBeGreaterThanOrEqual(10_000);
  },
  LIMIT_MS,
);

test(
  'without-the-barrier-every-kind-shows-violations: the suite sees what it is there to see',
  async () => {
    const { text, verdict, good } = summarize(
      await runNewEnemy({ ...SHORT, races: KINDS.length, limitMs: undefined, leastChecks: 0, withoutBarrier: true }),
    );
    console.log(JSON.stringify(verdict));
    if (!good) throw new Error(text.join('\n'));
    expect(verdict.kindsWithViolations).toBe(KINDS.length);
  },
  LIMIT_MS,
);
