import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryRoot } from '@latchkey/testing';
import { type Answered, type Asked } from './programs/answering';

export type Program = 'latchkey' | 'echo' | 'generate' | 'decide' | 'sdk';

/** Of two cores: the server has one for itself, and whoever asks it the other. */
export const SERVER_CORE = 0;
export const GENERATOR_CORE = 1;

/** A process of its own on one core, asked over its IPC channel. */
export interface Measured {
  readonly pid: number;
  ask<A>(name: string, argument?: unknown): Promise<A>;
  end(): Promise<void>;
}

const bundles = new Map<Program, Promise<string>>();

/** Once for all processes of a program: one that starts must not find a file that is being written for another. */
function bundled(program: Program): Promise<string> {
  const made = bundles.get(program) ?? bundle(program);
  bundles.set(program, made);
  return made;
}

/** Bundles a program as services are, so that what is measured is what is deployed; answers the file. */
async function bundle(program: Program): Promise<string> {
  const out = join(repositoryRoot, '.cache/bench', `${program}.cjs`);
  await build({
    absWorkingDir: repositoryRoot,
    entryPoints: [join(repositoryRoot, 'tools/bench/programs', `${program}.ts`)],
    outfile: out,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    packages: 'external',
    tsconfig: join(repositoryRoot, 'tsconfig.json'),
    sourcemap: true,
    sourcesContent: false,
    keepNames: false,
    logLevel: 'warning',
  });
  return out;
}

export interface StartOptions {
  readonly program: Program;
  readonly core: number;
  /** For Node: `--cpu-prof`. */
  readonly flags?: readonly string[];
}

export async function startMeasured({ program, core, flags = [] }: StartOptions): Promise<Measured> {
  const file = await bundled(program);
  const node = [process.execPath, '--enable-source-maps', '--expose-gc', '--max-old-space-size=8192', ...flags, file];
  const [command = '', ...args] = canPin() ? ['taskset', '-c', String(core), ...node] : node;
  const child = spawn(command, args, {
    cwd: repositoryRoot,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // What is measured is configured by what it is asked, not by whoever runs the bench.
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
  });
  await once(child, 'spawn');
  return measured(child, program);
}

let pinning: boolean | undefined;

/** Whether processes can be given a core of their own here. */
export function canPin(): boolean {
  pinning ??= spawnSync('taskset', ['-c', '0', 'true']).status === 0;
  return pinning;
}

function measured(child: ChildProcess, program: Program): Measured {
  const waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  let ids = 0;
  child.on('message', (answered: Answered) => {
    const asked = waiting.get(answered.id);
    waiting.delete(answered.id);
    if ('error' in answered) asked?.reject(new Error(`${program}: ${answered.error}`));
    else asked?.resolve(answered.answer);
  });
  const exited = once(child, 'exit').then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${program} ended before it answered`));
  });
  return {
    pid: child.pid ?? 0,
    ask: <A>(name: string, argument?: unknown) =>
      new Promise<A>((resolve, reject) => {
        const asked: Asked = { id: ++ids, name, argument };
        waiting.set(asked.id, { resolve: (answer) => resolve(answer as A), reject });
        child.send(asked);
      }),
    end: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
