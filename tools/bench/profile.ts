import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
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
  return costs(
    dir,
    ([{ functionName, url, lineNumber }]) => `${functionName || '(anonymous)'} ${shortened(url)}:${lineNumber + 1}`,
  );
}

/** The same by package: whatever Node does belongs to the package that had it done. */
export function packageTimes(dir: string): Cost[] {
  return costs(dir, (stack) => {
    const frame = stack.find(({ url }) => url !== '' && !url.startsWith('node:'));
    if (frame === undefined) return stack[0].functionName === '(garbage collector)' ? 'garbage' : 'Node itself';
    const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(frame.url) ?? [];
    return name ?? 'Latchkey';
  });
}

type Frame = Node['callFrame'];

/** @param nameOf from what ran, and from whom called it, the innermost first */
function costs(dir: string, nameOf: (stack: readonly [Frame, ...Frame[]]) => string): Cost[] {
  const times = new Map<string, number>();
  let total = 0;
  for (const name of readdirSync(dir).filter((file) => file.endsWith('.cpuprofile'))) {
    const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(dir, name), 'utf8')) as CpuProfile;
    const names = namesOf(nodes, nameOf);
    samples.forEach((id, i) => {
      const named = names.get(id);
      if (named === undefined) return;
      times.set(named, (times.get(named) ?? 0) + (timeDeltas[i] ?? 0));
      total += timeDeltas[i] ?? 0;
    });
  }
  return [...times].map(([name, time]) => ({ name, share: time / total })).sort((a, b) => b.share - a.share);
}

/** Of each node of the tree of calls but those in which nothing is done. */
function namesOf(nodes: readonly Node[], nameOf: (stack: readonly [Frame, ...Frame[]]) => string): Map<number, string> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const callers = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const names = new Map<number, string>();
  for (const { id, callFrame } of nodes) {
    if (IDLE.includes(callFrame.functionName)) continue;
    const stack: [Frame, ...Frame[]] = [callFrame];
    for (let at = callers.get(id); at !== undefined; at = callers.get(at)) stack.push(byId.get(at)!.callFrame);
    names.set(id, nameOf(stack));
  }
  return names;
}

function shortened(url: string): string {
  return url.split('node_modules/').at(-1)!.split('/').slice(-3).join('/');
}
