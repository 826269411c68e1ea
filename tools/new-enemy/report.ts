import { type Evidence } from './evidence';
import { type FaultRecord } from './faults';
import { describe, type Finding, findings, inFlight, type RaceRecord } from './history';

/** Below this many races, chance alone may leave a kind with few checks, and no count is demanded. */
const RACES_FOR_COUNTS = 1_000;
const LEAST_COUNT = 100;
/** How many findings are told in full. */
const TOLD = 10;

/** The line that others check by machine. */
export interface Verdict {
  /** Mutations that were raced. */
  readonly races: number;
  readonly kinds: number;
  readonly kindsWithViolations: number;
  /** Checks that started after the acknowledgement and were allowed. */
  readonly staleAccepts: number;
  /** Allowed from memory, while the race went on: the kind with the fewest. */
  readonly minFromMemoryPerKind: number;
  /** On their way when the writer had its bump confirmed: the kind with the fewest. */
  readonly minInFlightAtBumpPerKind: number;
  /** All checks of all races. */
  readonly racingChecks: number;
  /** Refused although allowed before, or for a reason that is not the mutation's. */
  readonly otherViolations: number;
  readonly fault: string;
  readonly withoutBarrier: boolean;
}

export interface Run {
  readonly fault: string;
  readonly withoutBarrier: boolean;
  readonly kinds: readonly string[];
  readonly races: readonly RaceRecord[];
  readonly faults: readonly FaultRecord[];
  readonly evidence: Evidence;
  /** A reading of the observer's clock, as the logs of the services would write it, epoch ms. */
  readonly toWall: (moment: number) => number;
}

interface Row {
  readonly kind: string;
  readonly races: number;
  readonly checks: number;
  readonly fromMemory: number;
  readonly inFlightAtBump: number;
  readonly inFlightAtAcknowledgement: number;
  readonly afterwards: number;
  readonly noAnswer: number;
  readonly underFault: number;
  readonly medianMs: number;
  readonly longestMs: number;
  readonly found: readonly { race: RaceRecord; finding: Finding }[];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const stale = ({ found }: Row): number => found.filter(({ finding }) => finding.what === 'staleAccept').length;

/** The table to read, the line to check, and whether all is well. */
export function summarize(run: Run): { text: string[]; verdict: Verdict; good: boolean } {
  const rows = run.kinds.map((kind) => rowOf(kind, run));
  const count = (of: (row: Row) => number): number => sum(rows.map(of));
  const least = (of: (row: Row) => number): number => Math.min(...rows.map(of));
  const verdict: Verdict = {
    races: count((row) => row.races),
    kinds: rows.length,
    kindsWithViolations: rows.filter((row) => stale(row) > 0).length,
    staleAccepts: count(stale),
    minFromMemoryPerKind: least((row) => row.fromMemory),
    minInFlightAtBumpPerKind: least((row) => row.inFlightAtBump),
    racingChecks: count((row) => row.checks),
    otherViolations: count((row) => row.found.length - stale(row)),
    fault: run.fault,
    withoutBarrier: run.withoutBarrier,
  };
  const problems = problemsOf(run, rows, verdict);
  const told = run.withoutBarrier ? [] : rows.flatMap(({ found }) => found).slice(0, TOLD);
  const text = [
    HEADER,
    ...rows.map(lineOf),
    ...told.map(({ race, finding }) => describe(race, finding, faultsDuring(race, run.faults))),
    ...problems.map((problem) => `FAILED: ${problem}`),
  ];
  return { text, verdict, good: problems.length === 0 };
}

function problemsOf({ withoutBarrier }: Run, rows: readonly Row[], verdict: Verdict): string[] {
  const problems: string[] = [];
  if (withoutBarrier) {
    for (const row of rows)
      if (stale(row) === 0) problems.push(`${row.kind}: no violation, though nothing is waited for`);
    return problems;
  }
  if (verdict.staleAccepts > 0) problems.push(`${verdict.staleAccepts} stale accepts`);
  if (verdict.otherViolations > 0) problems.push(`${verdict.otherViolations} refusals that should not be`);
  for (const row of rows) {
    // A race in which nobody asked afterwards, or nobody held a yes in memory before, has shown nothing.
    if (row.fromMemory === 0) problems.push(`${row.kind}: no check was answered from memory`);
    if (row.afterwards === 0) problems.push(`${row.kind}: no check was answered after an acknowledgement`);
    if (verdict.races < RACES_FOR_COUNTS) continue;
    if (row.fromMemory < LEAST_COUNT) problems.push(`${row.kind}: only ${row.fromMemory} checks from memory`);
    if (row.inFlightAtBump < LEAST_COUNT)
      problems.push(`${row.kind}: only ${row.inFlightAtBump} in flight at the bump`);
  }
  return problems;
}

function rowOf(kind: string, { races, faults, evidence, toWall }: Run): Row {
  const own = races.filter((race) => race.kind === kind);
  const times = own.map(({ begun, acknowledged }) => acknowledged - begun).toSorted((a, b) => a - b);
  const count = (of: (race: RaceRecord) => number): number => sum(own.map(of));
  const answered = (race: RaceRecord) => race.checks.filter(({ answer }) => answer !== 'NO_ANSWER');
  return {
    kind,
    races: own.length,
    checks: count((race) => race.checks.length),
    fromMemory: count(
      ({ checks }) =>
        checks.filter(({ answer, decisionId }) => answer === 'ALLOWED' && evidence.fromMemory.has(decisionId)).length,
    ),
    inFlightAtBump: count((race) => inFlightAtBump(race, evidence, toWall)),
    inFlightAtAcknowledgement: count((race) => inFlight(race, race.acknowledged)),
    afterwards: count((race) => answered(race).filter(({ start }) => start > race.acknowledged).length),
    noAnswer: count(({ checks }) => checks.length) - count((race) => answered(race).length),
    underFault: own.filter((race) => faultsDuring(race, faults).length > 0).length,
    medianMs: times[Math.floor(times.length / 2)] ?? 0,
    longestMs: times.at(-1) ?? 0,
    found: own.flatMap((race) => findings(race).map((finding) => ({ race, finding }))),
  };
}

/** The first announcement of this race's change after its call, if the services' logs show one. */
function inFlightAtBump(race: RaceRecord, { announced }: Evidence, toWall: (moment: number) => number): number {
  // Logs are written to the millisecond, rounded down.
  const from = Math.floor(toWall(race.begun));
  const to = toWall(race.checks.reduce((latest, { end }) => Math.max(latest, end), race.acknowledged));
  const bump = announced.get(race.subject)?.find((time) => time >= from && time <= to);
  return bump === undefined ? 0 : inFlight(race, race.begun + (bump - toWall(race.begun)));
}

function faultsDuring({ begun, acknowledged }: RaceRecord, faults: readonly FaultRecord[]): string[] {
  return faults
    .filter(({ from, to = Infinity }) => from <= acknowledged && to >= begun)
    .map(({ what, from, to }) => {
      const at = (moment: number): string => `${(moment - begun).toFixed(1)} ms`;
      return `${what} from ${at(from)} to ${to === undefined ? 'the end' : at(to)}`;
    });
}

const COLUMNS: readonly [title: string, of: (row: Row) => number][] = [
  ['races', (row) => row.races],
  ['checks', (row) => row.checks],
  ['memory', (row) => row.fromMemory],
  ['at bump', (row) => row.inFlightAtBump],
  ['at ack', (row) => row.inFlightAtAcknowledgement],
  ['after', (row) => row.afterwards],
  ['no answer', (row) => row.noAnswer],
  ['faulty', (row) => row.underFault],
  ['median ms', (row) => Math.round(row.medianMs)],
  ['longest', (row) => Math.round(row.longestMs)],
  ['stale', stale],
  ['other', (row) => row.found.length - stale(row)],
];
const KIND_WIDTH = 30;
const HEADER = ['kind'.padEnd(KIND_WIDTH), ...COLUMNS.map(([title]) => title.padStart(9))].join(' ');
const lineOf = (row: Row): string =>
  [row.kind.padEnd(KIND_WIDTH), ...COLUMNS.map(([, of]) => String(of(row)).padStart(9))].join(' ');
