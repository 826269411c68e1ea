import { FAULTS } from '../../../tools/new-enemy/faults';
import { KINDS } from '../../../tools/new-enemy/kinds';
import { LEAST_OF_EACH, summarize } from '../../../tools/new-enemy/report';
import { type NewEnemyOptions, runNewEnemy } from '../../../tools/new-enemy/run';

/** The short form of `npm run new-enemy`. */
const SHORT: NewEnemyOptions = {
  races: KINDS.length,
  leastOfEach: LEAST_OF_EACH,
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
const LIMIT_MS_BESIDE_FAULTS = 600_000;

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

/** One of each service: all kinds under all faults are for the long form. */
const KINDS_BESIDE_FAULTS = ['member removed', 'role edited', 'personal token disabled'];

test(
  'no-check-that-starts-after-an-acknowledgement-is-allowed, whatever is broken',
  async () => {
    const kinds = KINDS.filter(({ name }) => KINDS_BESIDE_FAULTS.includes(name));
    const { text, verdict, good } = summarize(
      await runNewEnemy({ ...SHORT, races: 1, leastOfEach: 10, kinds, faults: FAULTS, lanes: kinds.length }),
    );
    console.log(JSON.stringify(verdict));
    if (!good) throw new Error(text.join('\n'));
    expect(verdict).toMatchObject({ kinds: KINDS_BESIDE_FAULTS.length, staleAccepts: 0, otherViolations: 0 });
  },
  LIMIT_MS_BESIDE_FAULTS,
);

test(
  'without-the-barrier-every-kind-shows-violations: the suite sees what it is there to see',
  async () => {
    const { text, verdict, good } = summarize(await runNewEnemy({ ...SHORT, leastChecks: 0, withoutBarrier: true }));
    console.log(JSON.stringify(verdict));
    if (!good) throw new Error(text.join('\n'));
    expect(verdict.kindsWithViolations).toBe(KINDS.length);
  },
  LIMIT_MS,
);
