import { type Answer } from './observer';

/** One check as its observer saw it; times are readings of the one clock. */
export interface CheckRecord extends Answer {
  readonly observer: string;
  readonly start: number;
  readonly end: number;
}

/** One mutation that takes a permission away, and the checks that raced it. */
export interface RaceRecord {
  readonly kind: string;
  readonly number: number;
  /** What the mutation changes, as services name it in their logs: `role:role_...`. */
  readonly subject: string;
  /** What a check is refused with once the mutation holds. */
  readonly refusal: string;
  /** And with until it is acknowledged; see Kind. */
  readonly refusalMeanwhile?: string;
  /** When its call was made, its first attempt if there were several. */
  readonly begun: number;
  /** The same moment as processes of this machine write it into their logs, epoch ms. */
  readonly wall: number;
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
    if (check.answer === race.refusal) return [];
    const meanwhile = check.start <= race.acknowledged && check.answer === race.refusalMeanwhile;
    return meanwhile ? [] : [{ what: 'strangeRefusal', check }];
  });
}

/** The checks that were on their way at a moment, those that were answered in the end. */
export function inFlight(race: RaceRecord, moment: number): CheckRecord[] {
  return race.checks.filter(({ start, end, answer }) => answer !== 'NO_ANSWER' && start < moment && moment < end);
}

/** A finding for people: what happened when, in ms since the mutation was called. */
export function describe(race: RaceRecord, { what, check }: Finding, faults: readonly string[]): string {
  const at = (moment: number): string => `${(moment - race.begun).toFixed(2)} ms`;
  const how = check.fromMemory ? 'from memory' : 'after reading';
  return [
    `${what}: race ${race.number} of ${race.kind} (${race.subject})`,
    `  mutation called at 0 ms, acknowledged at ${at(race.acknowledged)} (attempt ${race.attempts})`,
    `  ${check.observer} asked at ${at(check.start)}, answered ${check.answer} at ${at(check.end)}, ${how} (${check.decisionId})`,
    ...faults.map((fault) => `  ${fault}`),
  ].join('\n');
}
