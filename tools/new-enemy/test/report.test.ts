import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FaultName } from '../faults';
import { type CheckRecord, findings, inFlight, type RaceRecord } from '../history';
import { LEAST_OF_EACH, type Run, summarize } from '../report';
import { type Judged, Tallies } from '../tally';

const check = (start: number, end: number, answer = 'ALLOWED', observer = 'key'): CheckRecord => ({
  observer,
  start,
  end,
  answer,
  decisionId: answer === 'NO_ANSWER' ? '' : `dec_1-${start}m`,
  fromMemory: answer !== 'NO_ANSWER',
});

/** Called at 10, announced at 15, acknowledged at 20. */
const race = (checks: CheckRecord[], number = 0): RaceRecord => ({
  kind: 'role edited',
  number,
  subject: 'role:1',
  refusal: 'PERMISSION_MISSING',
  begun: 10,
  wall: 1_010,
  acknowledged: 20,
  attempts: 1,
  checks,
});

const judged = (checks: CheckRecord[], more: Partial<Judged> = {}): Judged => ({
  race: race(checks),
  fault: 'none',
  faultFrom: undefined,
  bump: 15,
  ...more,
});

const run = (races: Judged[], { kinds = ['role edited'], ...more }: Partial<Run> = {}): Run => {
  const tallies = new Tallies(kinds);
  for (const each of races) tallies.add(each);
  return {
    faults: ['none'],
    withoutBarrier: false,
    leastOfEach: 1,
    kinds,
    observers: ['key'],
    tallies,
    broken: [],
    seconds: 2,
    ...more,
  };
};

const repeated = (count: number, one: Judged): Judged[] => Array.from({ length: count }, () => one);
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

test('a refusal for a reason of meanwhile is found from the acknowledgement on, and not before', () => {
  const changing = (start: number): RaceRecord => ({
    ...race([check(start, 22, 'UNKNOWN_KEY')]),
    refusalMeanwhile: 'UNKNOWN_KEY',
  });
  expect(findings(changing(19))).toEqual([]);
  expect(findings(changing(20.5))[0]?.what).toBe('strangeRefusal');
});

test('a recorded violation is found: replicas that said yes after the acknowledgement', () => {
  // Of a run without the barrier, as `--history` writes it.
  const text = readFileSync(join(__dirname, 'recorded-violation.json'), 'utf8');
  const { race: recorded } = JSON.parse(text) as { race: RaceRecord };
  const found = findings(recorded);
  expect(found.filter(({ what }) => what === 'staleAccept').map(({ check: { start } }) => start)).toEqual(
    recorded.checks
      .filter(({ start, answer }) => answer === 'ALLOWED' && start > recorded.acknowledged)
      .map(({ start }) => start),
  );
  expect(found.length).toBeGreaterThan(0);
  const kinds = [recorded.kind];
  const { verdict, good } = summarize(
    run([{ race: recorded, fault: 'none', faultFrom: undefined, bump: undefined }], { kinds }),
  );
  expect([good, verdict.staleAccepts]).toEqual([false, found.length]);
});

test('only what is answered later is on its way', () => {
  const checks = [check(14, 16), check(14, 15), check(15, 16), check(14, 16, 'NO_ANSWER')];
  expect(inFlight(race(checks), 15)).toEqual([check(14, 16)]);
});

test('a good run is good, and says what it has seen', () => {
  const { verdict, good } = summarize(run([judged(GOOD)]));
  expect(good).toBe(true);
  expect(verdict).toMatchObject({
    races: 1,
    kinds: 1,
    kindsWithViolations: 0,
    staleAccepts: 0,
    minFromMemoryPerKind: 3,
    minInFlightAtBumpPerKind: 1,
    racingChecks: 4,
    checksPerSecond: 2,
  });
});

const read = (checks: CheckRecord[]): CheckRecord[] => checks.map((each) => ({ ...each, fromMemory: false }));
const only = (...answers: string[]): CheckRecord[] => GOOD.filter(({ answer }) => answers.includes(answer));

/** Two on their way, one of them answered from memory. */
const FEW_FROM_MEMORY = [check(14, 16), ...read([check(14, 16)]), check(21, 23, 'PERMISSION_MISSING')];

test('with a hundred of each, no more is asked for', () => {
  expect(summarize(run(repeated(100, judged(GOOD)), { leastOfEach: LEAST_OF_EACH })).good).toBe(true);
  expect(summarize(run(repeated(100, judged(FEW_FROM_MEMORY)), { leastOfEach: LEAST_OF_EACH })).good).toBe(true);
});

test('what was answered before something broke shows nothing of it', () => {
  const tallies = new Tallies(['role edited']);
  tallies.add(judged(GOOD, { fault: 'kill', faultFrom: 10 }));
  expect(tallies.of('role edited').fromMemory).toBe(3);
  expect(tallies.of('role edited', 'kill').fromMemory).toBe(2);
});

test.each([
  ['that something has ended early', run([judged(GOOD)], { endedBy: new Error('the database is gone') })],
  ['with a stale accept', run([judged([...GOOD, check(21, 22)])])],
  ['in which memory was never asked', run([judged(read(GOOD))])],
  ['in which nobody looked', run([judged([])])],
  ['in which nobody asked afterwards', run([judged(only('ALLOWED'))])],
  ['in which one observer never asked afterwards', run([judged(GOOD)], { observers: ['key', 'key2'] })],
  [
    'in which everybody asked afterwards, and nobody answered',
    run([judged([check(1, 2), check(21, 22, 'NO_ANSWER')])]),
  ],
  ['whose changes nobody announced', run([judged(GOOD, { bump: undefined })])],
  ['without any race of a kind', run([judged(GOOD)], { kinds: ['role edited', 'user deleted'] })],
  ['with 99 on their way', run(repeated(99, judged(GOOD)), { leastOfEach: LEAST_OF_EACH })],
  ['with 99 from memory', run(repeated(99, judged(FEW_FROM_MEMORY)), { leastOfEach: LEAST_OF_EACH })],
  ['that never met its fault', run(repeated(1_000, judged(GOOD)), { faults: ['none', 'kill'] })],
  ['without the barrier that shows no violation', run([judged(GOOD)], { withoutBarrier: true })],
])('a run %s fails', (_, history) => {
  expect(summarize(history).good).toBe(false);
});

test('a run that met its faults is good', () => {
  const met = (['none', 'kill'] as const).flatMap((fault: FaultName) => repeated(500, judged(GOOD, { fault })));
  const { verdict, good, text } = summarize(run(met, { faults: ['none', 'kill'] }));
  expect(good).toBe(true);
  expect(verdict).toMatchObject({ minFromMemoryPerKindAndFault: 1_500, minInFlightAtBumpPerKindAndFault: 500 });
  expect(text.join('\n')).toContain('500/1500/500');
});

test('without the barrier, violations are what is wanted', () => {
  const { verdict, good } = summarize(run([judged([...GOOD, check(21, 22)])], { withoutBarrier: true }));
  expect([good, verdict.kindsWithViolations]).toEqual([true, 1]);
});

test('a violation is told with its times and what was broken', () => {
  const broken = [{ fault: 'stop', what: 'key2 stopped (SIGSTOP)', from: 5, to: 25 }] as const;
  const { text } = summarize(run([judged([...GOOD, check(21, 23)])], { broken }));
  expect(text.join('\n')).toContain('key asked at 11.00 ms, answered ALLOWED at 13.00 ms, from memory');
  expect(text.join('\n')).toContain('key2 stopped (SIGSTOP) from -5.0 ms to 15.0 ms');
});
