import { type CheckRecord, findings, inFlight, type RaceRecord } from '../history';
import { type Run, summarize } from '../report';

const check = (start: number, end: number, answer = 'ALLOWED'): CheckRecord => ({
  replica: 0,
  start,
  end,
  answer,
  decisionId: answer === 'NO_ANSWER' ? '' : `${answer} ${start}`,
});

/** Called at 10, announced at 15, acknowledged at 20. */
const race = (checks: CheckRecord[], number = 0): RaceRecord => ({
  kind: 'role edited',
  number,
  subject: 'role:1',
  refusal: 'PERMISSION_MISSING',
  begun: 10,
  acknowledged: 20,
  attempts: 1,
  checks,
});

const run = (races: RaceRecord[], more: Partial<Run> = {}): Run => ({
  fault: 'none',
  withoutBarrier: false,
  kinds: ['role edited'],
  races,
  faults: [],
  evidence: {
    fromMemory: new Set(races.flatMap(({ checks }) => checks.map(({ decisionId }) => decisionId))),
    announced: new Map([['role:1', [1_015]]]),
  },
  toWall: (moment) => moment + 1_000,
  ...more,
});

const GOOD = [check(1, 2), check(14, 16), check(19, 22), check(21, 23, 'PERMISSION_MISSING')];

test('an allow that started after the acknowledgement is found, and no other', () => {
  expect(findings(race(GOOD))).toEqual([]);
  expect(findings(race([...GOOD, check(20.5, 400)]))).toEqual([{ what: 'staleAccept', check: check(20.5, 400) }]);
  // Without an answer nobody lets anybody in.
  expect(findings(race([check(21, 23, 'NO_ANSWER')]))).toEqual([]);
});

test('a refusal before the mutation, or for another reason, is found', () => {
  expect(findings(race([check(1, 2, 'PERMISSION_MISSING')]))[0]?.what).toBe('staleRefusal');
  expect(findings(race([check(12, 14, 'PERMISSION_MISSING')]))).toEqual([]);
  expect(findings(race([check(21, 22, 'UNKNOWN_KEY')]))[0]?.what).toBe('strangeRefusal');
});

test('only what is answered later is on its way', () => {
  expect(inFlight(race([check(14, 16), check(14, 15), check(15, 16), check(14, 16, 'NO_ANSWER')]), 15)).toBe(1);
});

test('a good run is good, and says what it has seen', () => {
  const { verdict, good } = summarize(run([race(GOOD)]));
  expect(good).toBe(true);
  expect(verdict).toMatchObject({
    races: 1,
    kinds: 1,
    kindsWithViolations: 0,
    staleAccepts: 0,
    minFromMemoryPerKind: 3,
    minInFlightAtBumpPerKind: 1,
    racingChecks: 4,
  });
});

test.each([
  ['with a stale accept', run([race([...GOOD, check(21, 22)])])],
  ['in which memory was never asked', run([race(GOOD)], { evidence: { fromMemory: new Set(), announced: new Map() } })],
  ['in which nobody asked afterwards', run([race([check(1, 2)])])],
  ['without any race of a kind', run([race(GOOD)], { kinds: ['role edited', 'user deleted'] })],
  [
    'long, with too few on their way',
    run(
      Array.from({ length: 1_000 }, (_, number) => race([...GOOD, check(1, 2)], number)),
      {
        evidence: { fromMemory: new Set(['ALLOWED 1']), announced: new Map() },
      },
    ),
  ],
  ['without the barrier that shows no violation', run([race(GOOD)], { withoutBarrier: true })],
])('a run %s fails', (_, history) => {
  expect(summarize(history).good).toBe(false);
});

test('without the barrier, violations are what is wanted', () => {
  const { verdict, good } = summarize(run([race([...GOOD, check(21, 22)])], { withoutBarrier: true }));
  expect([good, verdict.kindsWithViolations]).toEqual([true, 1]);
});

test('a violation is told with its times and what was broken', () => {
  const faults = [{ what: 'key2 stopped (SIGSTOP)', from: 5, to: 25 }];
  const { text } = summarize(run([race([...GOOD, check(21, 23)])], { faults }));
  expect(text.join('\n')).toContain('asked at 11.00 ms, answered ALLOWED at 13.00 ms');
  expect(text.join('\n')).toContain('key2 stopped (SIGSTOP) from -5.0 ms to 15.0 ms');
});
