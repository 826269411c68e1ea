/** What the processes of a simulation run report, one JSON object a line. */
export type Report = SeedsReport | ProofReport;

interface SeedsReport {
  readonly kind: 'seeds';
  /** How many there are, each of which somebody has to prove. */
  readonly switches: number;
  readonly seeds: number;
  readonly answers: number;
  readonly accepts: number;
  readonly unavailable: number;
  readonly acknowledged: number;
  readonly stale: number;
  readonly failed: readonly number[];
  /** What happened in the first of those that failed, step by step. */
  readonly schedule: readonly string[];
}

interface ProofReport {
  readonly kind: 'proof';
  readonly without: string;
  readonly caughtBy: number;
  readonly failures: readonly string[];
  readonly seedsCaught: number;
  readonly seedsTried: number;
}

export interface Merged {
  readonly seeds: SeedsReport;
  readonly proofs: readonly ProofReport[];
}

export function merge(reports: readonly Report[]): Merged {
  const none: SeedsReport = {
    kind: 'seeds',
    switches: 0,
    seeds: 0,
    answers: 0,
    accepts: 0,
    unavailable: 0,
    acknowledged: 0,
    stale: 0,
    failed: [],
    schedule: [],
  };
  const seeds = reports.reduce<SeedsReport>((sum, report) => (report.kind === 'seeds' ? add(sum, report) : sum), none);
  const proofs = reports.flatMap((report) => (report.kind === 'proof' ? [report] : []));
  return { seeds, proofs: proofs.sort((a, b) => a.without.localeCompare(b.without)) };
}

function add(a: SeedsReport, b: SeedsReport): SeedsReport {
  const failed = [...a.failed, ...b.failed].sort((one, other) => one - other);
  return {
    kind: 'seeds',
    switches: Math.max(a.switches, b.switches),
    seeds: a.seeds + b.seeds,
    answers: a.answers + b.answers,
    accepts: a.accepts + b.accepts,
    unavailable: a.unavailable + b.unavailable,
    acknowledged: a.acknowledged + b.acknowledged,
    stale: a.stale + b.stale,
    failed,
    schedule: failed[0] === a.failed[0] ? a.schedule : b.schedule,
  };
}

/** The table to read, the line to check, and whether all is well. */
export function summarize({ seeds, proofs }: Merged, seedsWanted: number, without?: string) {
  const missed = proofs.filter(({ failures }) => failures.length > 0);
  const text = proofs.map(({ without, caughtBy, seedsCaught, seedsTried }) => {
    const bySeeds = `${seedsCaught} of ${seedsTried} seeds`;
    return `without ${without.padEnd(22)} caught by ${caughtBy} schedule(s) of its own and ${bySeeds}`;
  });
  for (const { without, failures } of missed) for (const why of failures) text.push(`MISSED ${without}: ${why}`);
  const leftOut = without === undefined ? '' : ` --without ${without}`;
  for (const seed of seeds.failed) text.push(`FAILED seed ${seed}; replay it: npm run sim -- --seed ${seed}${leftOut}`);
  if (seeds.failed.length > 0) text.push(`The schedule of seed ${seeds.failed[0]}:`, ...seeds.schedule);
  const { answers, acknowledged, unavailable } = seeds;
  text.push(`${answers} answers, ${unavailable} times unavailable, ${acknowledged} mutations acknowledged`);
  const verdict = {
    seeds: seeds.seeds,
    accepts: seeds.accepts,
    staleAccepts: seeds.stale,
    ablations: proofs.length,
    ablationsMissed: missed.map(({ without }) => without),
  };
  // Nobody accepted, nothing shown.
  const complete = seeds.seeds === seedsWanted && seeds.accepts > 0 && proofs.length === seeds.switches;
  return { text, verdict, good: complete && missed.length === 0 && seeds.stale === 0 && seeds.failed.length === 0 };
}
