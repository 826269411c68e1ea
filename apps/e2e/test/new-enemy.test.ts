import { KINDS } from '../../../tools/new-enemy/kinds';
import { summarize } from '../../../tools/new-enemy/report';
import { type NewEnemyOptions, runNewEnemy } from '../../../tools/new-enemy/run';

/** The short form of `npm run new-enemy`: no faults, and as many races as there is time for. */
const SHORT: NewEnemyOptions = {
  races: 400,
  limitMs: 10_000,
  kinds: KINDS,
  fault: 'none',
  seed: 4,
  withoutBarrier: false,
  keyReplicas: 2,
  checkers: 2,
  lanes: 3,
  log: () => undefined,
};

const LIMIT_MS = 120_000;

test(
  'no-check-that-starts-after-an-acknowledgement-is-allowed, whatever was changed',
  async () => {
    const { text, verdict, good } = summarize(await runNewEnemy(SHORT));
    if (!good) throw new Error(text.join('\n'));
    expect(verdict).toMatchObject({ kinds: KINDS.length, staleAccepts: 0, otherViolations: 0 });
    expect(verdict.minFromMemoryPerKind).toBeGreaterThan(0);
  },
  LIMIT_MS,
);

test(
  'without-the-barrier-the-same-races-show-violations',
  async () => {
    const kinds = KINDS.filter(({ name }) =>
      ['role edited', 'member suspended', 'personal token rotated'].includes(name),
    );
    const history = await runNewEnemy({ ...SHORT, kinds, races: 18, limitMs: 5_000, withoutBarrier: true });
    const { text, verdict, good } = summarize(history);
    if (!good) throw new Error(text.join('\n'));
    expect(verdict.kindsWithViolations).toBe(kinds.length);
  },
  LIMIT_MS,
);
