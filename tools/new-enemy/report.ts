import { during, type FaultName, type FaultRecord } from './faults';
import { describe } from './history';
import { type Tallies, type Tally } from './tally';

/** Fewer checks of any kind from memory, or in flight at the bump, under any fault: too little was shown. */
export const LEAST_OF_EACH = 100;

/** Whether a run has still to see more of a kind under a fault. */
export function lacksCounts({ fromMemory, inFlightAtBump }: Tally, least: number): boolean {
  return Math.min(fromMemory, inFlightAtBump) < least;
}
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
  /** The same while something was broken, or nothing in a run without faults: the kind and fault with the fewest. */
  readonly minFromMemoryPerKindAndFault: number;
  readonly minInFlightAtBumpPerKindAndFault: number;
  /** All checks of all races. */
  readonly racingChecks: number;
  readonly checksPerSecond: number;
  /** Refused although allowed before, or for a reason that is not the mutation's. */
  readonly otherViolations: number;
  readonly faults: readonly FaultName[];
  readonly withoutBarrier: boolean;
  /** How long it was raced for. */
  readonly seconds: number;
}

export interface Run {
  /** What was to be broken, one after the other. */
  readonly faults: readonly FaultName[];
  readonly withoutBarrier: boolean;
  readonly kinds: readonly string[];
  /** With fewer checks from memory, or in flight at the bump, of any kind under any fault, it has shown too little. */
  readonly leastOfEach: number;
  /** Names of all who asked. */
  readonly observers: readonly string[];
  readonly tallies: Tallies;
  readonly broken: readonly FaultRecord[];
  readonly seconds: number;
  /** What has ended it before it was through, if something has. */
  readonly endedBy?: unknown;
}

export function summarize(run: Run): { text: string[]; verdict: Verdict; good: boolean } {
  const { tallies, faults, withoutBarrier } = run;
  const rows = tallies.all().map(([, tally]) => tally);
  const cells = faults.flatMap((fault) => tallies.all(fault).map(([, tally]) => tally));
  const count = (of: (tally: Tally) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  const racingChecks = count(({ checks }) => checks);
  const verdict: Verdict = {
    races: count(({ races }) => races),
    kinds: rows.length,
    kindsWithViolations: rows.filter(({ stale }) => stale > 0).length,
    staleAccepts: count(({ stale }) => stale),
    minFromMemoryPerKind: Math.min(...rows.map(({ fromMemory }) => fromMemory)),
    minInFlightAtBumpPerKind: Math.min(...rows.map(({ inFlightAtBump }) => inFlightAtBump)),
    minFromMemoryPerKindAndFault: Math.min(...cells.map(({ fromMemory }) => fromMemory)),
    minInFlightAtBumpPerKindAndFault: Math.min(...cells.map(({ inFlightAtBump }) => inFlightAtBump)),
    racingChecks,
    checksPerSecond: Math.round(racingChecks / run.seconds),
    otherViolations: count(({ other }) => other),
    faults,
    withoutBarrier,
    seconds: Math.round(run.seconds),
  };
  const problems = withoutBarrier ? withoutViolations(run) : problemsOf(run, verdict);
  if (run.endedBy !== undefined) problems.unshift(`ended early: ${String(run.endedBy)}`);
  const told = withoutBarrier ? [] : tallies.violations.slice(0, TOLD);
  const text = [
    header(
      'kind',
      COLUMNS.map(([title]) => title),
    ),
    ...tallies.all().map(([kind, tally]) =>
      line(
        kind,
        COLUMNS.map(([, of]) => String(of(tally))),
      ),
    ),
    ...(faults.length > 1 || faults[0] !== 'none' ? matrix(run) : []),
    ...told.flatMap(({ race, findings: [first] }) => (first ? [describe(race, first, brokenDuring(run, race))] : [])),
    ...problems.map((problem) => `FAILED: ${problem}`),
  ];
  return { text, verdict, good: problems.length === 0 };
}

/** What is missing where nobody waits: every kind has to show that this is seen. */
function withoutViolations({ tallies }: Run): string[] {
  return tallies
    .all()
    .flatMap(([kind, { stale }]) => (stale > 0 ? [] : [`${kind}: no violation, though nobody waits`]));
}

function problemsOf({ tallies, faults, leastOfEach, observers }: Run, verdict: Verdict): string[] {
  const problems: string[] = [];
  if (verdict.staleAccepts > 0) problems.push(`${verdict.staleAccepts} stale accepts`);
  if (verdict.otherViolations > 0) problems.push(`${verdict.otherViolations} refusals that should not be`);
  // A race after which nobody was asked, or before which nobody held a yes in memory, has shown nothing.
  for (const name of observers) {
    if (tallies.all().every(([, { afterwards }]) => !afterwards.has(name)))
      problems.push(`${name} never answered after an acknowledgement`);
  }
  for (const [kind, tally] of tallies.all()) {
    if (tally.afterwards.size === 0) problems.push(`${kind}: nobody answered after an acknowledgement`);
    for (const fault of faults)
      problems.push(...tooFew(`${kind} under ${fault}`, tallies.of(kind, fault), leastOfEach));
  }
  return problems;
}

function tooFew(what: string, { fromMemory, inFlightAtBump }: Tally, least: number): string[] {
  return [
    ...(fromMemory < least ? [`${what}: only ${fromMemory} checks were answered from memory`] : []),
    ...(inFlightAtBump < least ? [`${what}: only ${inFlightAtBump} checks were on their way at the bump`] : []),
  ];
}

function brokenDuring({ broken }: Run, { begun, acknowledged }: { begun: number; acknowledged: number }): string[] {
  const at = (moment: number): string => `${(moment - begun).toFixed(1)} ms`;
  return during(broken, begun, acknowledged).map(
    ({ what, from, to }) => `${what} from ${at(from)} to ${to === undefined ? 'the end' : at(to)}`,
  );
}

const COLUMNS: readonly [title: string, of: (tally: Tally) => number][] = [
  ['races', ({ races }) => races],
  ['checks', ({ checks }) => checks],
  ['memory', ({ fromMemory }) => fromMemory],
  ['at bump', ({ inFlightAtBump }) => inFlightAtBump],
  ['at ack', ({ inFlightAtAcknowledgement }) => inFlightAtAcknowledgement],
  ['after', ({ afterwards }) => [...afterwards.values()].reduce((sum, each) => sum + each, 0)],
  ['no answer', ({ noAnswer }) => noAnswer],
  ['median ms', ({ times }) => Math.round(times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0)],
  ['longest', ({ times }) => Math.round(Math.max(0, ...times))],
  ['stale', ({ stale }) => stale],
  ['other', ({ other }) => other],
];

/** Per kind and fault: races in which it was there, checks from memory and on their way at the bump in them. */
function matrix({ tallies, faults, kinds }: Run): string[] {
  const cell = (kind: string, fault: FaultName): string => {
    const { races, fromMemory, inFlightAtBump } = tallies.of(kind, fault);
    return `${races}/${fromMemory}/${inFlightAtBump}`;
  };
  return [
    'races that met the fault / checks in them from memory / on their way at the bump',
    header('kind', faults, CELL_WIDTH),
    ...kinds.map((kind) =>
      line(
        kind,
        faults.map((fault) => cell(kind, fault)),
        CELL_WIDTH,
      ),
    ),
  ];
}

const KIND_WIDTH = 30;
const COLUMN_WIDTH = 9;
const CELL_WIDTH = 19;
const line = (kind: string, cells: readonly string[], width = COLUMN_WIDTH): string =>
  [kind.padEnd(KIND_WIDTH), ...cells.map((cell) => cell.padStart(width))].join(' ');
const header = line;
