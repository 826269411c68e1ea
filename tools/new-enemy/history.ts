/** One check as the observer saw it; times are readings of its clock. */
export interface CheckRecord {
  readonly replica: number;
  readonly start: number;
  readonly end: number;
  /** 'ALLOWED', another decision's name, or 'NO_ANSWER': UNAVAILABLE and the like, which decides nothing. */
  readonly answer: string;
  /** '' without an answer. */
  readonly decisionId: string;
}

/** One mutation that takes a permission away, and the checks that raced it. */
export interface RaceRecord {
  readonly kind: string;
  readonly number: number;
  /** What the mutation changes, as services name it in their logs: `role:role_...`. */
  readonly subject: string;
  /** What a check is refused with once the mutation holds. */
  readonly refusal: string;
  /** When its call was made, its first attempt if there were several. */
  readonly begun: number;
  /** When its call was answered. */
  readonly acknowledged: number;
  readonly attempts: number;
  readonly checks: readonly CheckRecord[];
}

export interface Finding {
  readonly what: 'staleAccept' | 'staleRefusal' | 'strangeRefusal';
  readonly check: CheckRecord;
}

/**
 * What must not be. `staleAccept`: allowed, although the check started after the mutation was acknowledged. `staleRefusal`:
 * refused before the mutation began, although the grant before it had been acknowledged. `strangeRefusal`: refused for
 * another reason than the mutation's, which would show nothing about it.
 */
export function findings(race: RaceRecord): Finding[] {
  return race.checks.flatMap((check): Finding[] => {
    if (check.answer === 'NO_ANSWER') return [];
    if (check.answer === 'ALLOWED') return check.start > race.acknowledged ? [{ what: 'staleAccept', check }] : [];
    if (check.end < race.begun) return [{ what: 'staleRefusal', check }];
    return check.answer === race.refusal ? [] : [{ what: 'strangeRefusal', check }];
  });
}

/** How many checks were on their way at a moment. */
export function inFlight(race: RaceRecord, moment: number): number {
  return race.checks.filter(({ start, end, answer }) => answer !== 'NO_ANSWER' && start < moment && moment < end)
    .length;
}

/** A finding for people: what happened when, in ms since the mutation was called. */
export function describe(race: RaceRecord, { what, check }: Finding, faults: readonly string[]): string {
  const at = (moment: number): string => `${(moment - race.begun).toFixed(2)} ms`;
  return [
    `${what}: race ${race.number} of ${race.kind} (${race.subject})`,
    `  mutation called at 0 ms, acknowledged at ${at(race.acknowledged)} (attempt ${race.attempts})`,
    `  replica ${check.replica} asked at ${at(check.start)}, answered ${check.answer} at ${at(check.end)} (${check.decisionId})`,
    ...faults.map((fault) => `  ${fault}`),
  ].join('\n');
}
