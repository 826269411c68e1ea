import { isBehind, type Watermark } from '../protocol';
import { parsedJson } from './parsed-json';

/** Where a mark outlives the processes that saw it. */
export interface MarkPlace {
  /** What people call it, in a log line. */
  readonly name: string;
  /** The mark that is there; undefined where there is none, or none that can be believed. */
  read(): Promise<Watermark | undefined>;
  /** Puts the mark there, unless a higher one is there already, which it then returns. */
  keep(mark: Watermark): Promise<Watermark | undefined>;
}

const LONGEST_GENERATION = 200;

/** The mark in a text that somebody else may have written; undefined where it is none. */
export function parsedMark(text: string): (Watermark & { readonly mac?: unknown }) | undefined {
  const value = parsedJson(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { generation, seq, mac } = value as Partial<Record<'generation' | 'seq' | 'mac', unknown>>;
  if (typeof generation !== 'string' || generation.length === 0 || generation.length > LONGEST_GENERATION)
    return undefined;
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 0) return undefined;
  return { generation, seq, mac };
}

export function higher(a: Watermark | undefined, b: Watermark | undefined): Watermark | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isBehind(a, b) ? b : a;
}
