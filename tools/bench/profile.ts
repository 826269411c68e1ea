import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface CpuProfile {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Cost {
  readonly name: string;
  /** Of the time that was not idle, 0 to 1. */
  readonly share: number;
}

const IDLE = ['(idle)', '(program)'];

/** Where the time of a `--cpu-prof` run went, by function itself, the most first. */
export function selfTimes(dir: string): Cost[] {
  const byFunction = new Map<string, number>();
  let total = 0;
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(dir, name), 'utf8')) as CpuProfile;
    const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
    samples.forEach((id, i) => {
      const frame = frames.get(id);
      if (frame === undefined || IDLE.includes(frame.functionName)) return;
      const where = `${frame.functionName || '(anonymous)'} ${shortened(frame.url)}:${frame.lineNumber + 1}`;
      byFunction.set(where, (byFunction.get(where) ?? 0) + (timeDeltas[i] ?? 0));
      total += timeDeltas[i] ?? 0;
    });
  }
  return [...byFunction].map(([name, time]) => ({ name, share: time / total })).sort((a, b) => b.share - a.share);
}

function shortened(url: string): string {
  return url.split('node_modules/').at(-1)!.split('/').slice(-3).join('/');
}
