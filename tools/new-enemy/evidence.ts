import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** What the services themselves say about the races, from their logs. */
export interface Evidence {
  /** Ids of decisions that were made without reading anything. */
  readonly fromMemory: ReadonlySet<string>;
  /** When a change was announced to the replicas, epoch ms, by what it changes. */
  readonly announced: ReadonlyMap<string, readonly number[]>;
}

interface Line {
  readonly msg?: string;
  readonly time?: string;
  readonly decisionId?: string;
  readonly fromMemory?: boolean;
  readonly events?: readonly string[];
}

/** @param decisions the ids that are of interest */
export async function readEvidence(logFiles: readonly string[], decisions: ReadonlySet<string>): Promise<Evidence> {
  const fromMemory = new Set<string>();
  const announced = new Map<string, number[]>();
  for (const file of logFiles) {
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      // Most lines are of no interest; a line that a killed process has not finished is none.
      if (!text.endsWith('}') || !/"msg":"(decided|announced)"/.test(text)) continue;
      const { msg, time, decisionId, fromMemory: remembered, events } = JSON.parse(text) as Line;
      if (msg === 'decided' && remembered && decisionId && decisions.has(decisionId)) fromMemory.add(decisionId);
      if (msg !== 'announced' || time === undefined) continue;
      for (const event of events ?? []) announced.set(event, [...(announced.get(event) ?? []), Date.parse(time)]);
    }
  }
  return { fromMemory, announced };
}
