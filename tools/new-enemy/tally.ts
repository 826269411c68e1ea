import { type FaultName } from './faults';
import { type Finding, findings, inFlight, type RaceRecord } from './history';

/** What a race has shown. */
export interface Judged {
  readonly race: RaceRecord;
  /** What was broken while it went on: 'none' if nothing was. */
  readonly fault: FaultName;
  /** When that began, by the one clock; undefined without one. */
  readonly faultFrom: number | undefined;
  /** When its change was told to the replicas, by the one clock; undefined if nobody has logged it. */
  readonly bump: number | undefined;
}

/** Counts of the races of one kind, under one fault or in all. */
export interface Tally {
  races: number;
  checks: number;
  /** Allowed, without anything being read. */
  fromMemory: number;
  inFlightAtBump: number;
  inFlightAtAcknowledgement: number;
  /** Answered checks that started after the acknowledgement, by observer. */
  readonly afterwards: Map<string, number>;
  noAnswer: number;
  stale: number;
  other: number;
  /** How long each mutation took until it was acknowledged, ms. */
  readonly times: number[];
}

function newTally(): Tally {
  return {
    races: 0,
    checks: 0,
    fromMemory: 0,
    inFlightAtBump: 0,
    inFlightAtAcknowledgement: 0,
    afterwards: new Map(),
    noAnswer: 0,
    stale: 0,
    other: 0,
    times: [],
  };
}

/** How many races of a kind are kept in which something is wrong: without the barrier, that is each of them. */
const KEPT = 3;

/** Counts race by race, and keeps some of those in which something is wrong. */
export class Tallies {
  readonly #byKind = new Map<string, Tally>();
  readonly #byKindAndFault = new Map<string, Tally>();
  readonly violations: { readonly race: RaceRecord; readonly findings: readonly Finding[] }[] = [];

  constructor(private readonly kinds: readonly string[]) {}

  /** @returns what is wrong with it */
  add({ race, fault, faultFrom = -Infinity, bump }: Judged): readonly Finding[] {
    const found = findings(race);
    const kept = this.violations.filter((violation) => violation.race.kind === race.kind).length;
    if (found.length > 0 && kept < KEPT) this.violations.push({ race, findings: found });
    // What was answered before something broke shows nothing of it.
    const beside = { ...race, checks: race.checks.filter(({ end }) => end >= faultFrom) };
    for (const [tallies, name, counted] of [
      [this.#byKind, race.kind, race],
      [this.#byKindAndFault, `${race.kind}/${fault}`, beside],
    ] as const) {
      const tally = tallies.get(name) ?? newTally();
      tallies.set(name, tally);
      count(tally, counted, bump, found);
    }
    return found;
  }

  of(kind: string, fault?: FaultName): Tally {
    const tally = fault === undefined ? this.#byKind.get(kind) : this.#byKindAndFault.get(`${kind}/${fault}`);
    return tally ?? newTally();
  }

  /** Kinds of which nothing was raced included. */
  all(fault?: FaultName): (readonly [kind: string, Tally])[] {
    return this.kinds.map((kind) => [kind, this.of(kind, fault)]);
  }
}

function count(tally: Tally, race: RaceRecord, bump: number | undefined, found: readonly Finding[]): void {
  tally.races += 1;
  tally.checks += race.checks.length;
  tally.inFlightAtBump += bump === undefined ? 0 : inFlight(race, bump).length;
  tally.inFlightAtAcknowledgement += inFlight(race, race.acknowledged).length;
  tally.times.push(race.acknowledged - race.begun);
  for (const { observer, start, answer, fromMemory } of race.checks) {
    if (answer === 'NO_ANSWER') tally.noAnswer += 1;
    else if (start > race.acknowledged) tally.afterwards.set(observer, (tally.afterwards.get(observer) ?? 0) + 1);
    if (answer === 'ALLOWED' && fromMemory) tally.fromMemory += 1;
  }
  const stale = found.filter(({ what }) => what === 'staleAccept').length;
  tally.stale += stale;
  tally.other += found.length - stale;
}
