import { type Bench } from './bench';

/** One measurement that can be asked for by name. */
export interface Row {
  readonly name: string;
  /** What it shows, in half a sentence. */
  readonly about: string;
  /** Takes minutes: only when asked for by name. */
  readonly long?: boolean;
  /** Has a form of a few seconds that compares ratios. */
  readonly short?: boolean;
  run(bench: Bench): Promise<RowResult>;
}

export interface RowResult {
  readonly lines: readonly Line[];
  /** For the one line of JSON at the end. */
  readonly figures: Readonly<Record<string, number | string>>;
  /** Sentences below the table. */
  readonly notes?: readonly string[];
}

/** One line of the table in docs/benchmarks.md. */
export interface Line {
  readonly figure: string;
  readonly measured: string;
  /** What the figure has to be; not given where it is shown for comparison. */
  readonly reach?: string;
  /** Whether it is. */
  readonly good?: boolean;
}
