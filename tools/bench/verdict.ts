import { type RowResult } from './row';

/** How a run ends: its figures in one line of JSON, and the exit code. */
export interface Verdict {
  readonly json: string;
  /** 1 when a figure falls short of what it has to reach. */
  readonly code: 0 | 1;
}

export function verdictOf(results: readonly RowResult[], seconds: number): Verdict {
  const figures: Record<string, number | string> = Object.assign({ seconds }, ...results.map((row) => row.figures));
  const short = results.some(({ lines }) => lines.some(({ good }) => good === false));
  return { json: JSON.stringify(figures), code: short ? 1 : 0 };
}
