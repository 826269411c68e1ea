import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  /** What people call it in messages, "redis". */
  name: string;
  command: string;
  args: string[];
  /** The whole environment of the child: nothing is inherited besides what `inheritedEnvironment` names. */
  env?: Record<string, string>;
  cwd?: string;
  /** Receives stdout and stderr, appended. */
  logFile: string;
}

/** A running process that does not outlive this one, whatever this one dies of. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when the process has ended; never rejects. */
  readonly exited: Promise<Exit>;
  readonly running: boolean;
  /** Sends a signal and does not wait. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `boundMs`; settles when the process is gone. */
  stop(boundMs?: number): Promise<Exit>;
  /** The last lines that this process wrote, for an error message. */
  tail(lines?: number): string;
}

/** What a child needs of our environment to run at all; everything else is stated by who starts it. */
export function inheritedEnvironment(): Record<string, string> {
  const names = [
    'PATH',
    'HOME',
    'TMPDIR',
    'LANG',
    'LC_ALL',
    'TZ',
    'LD_LIBRARY_PATH',
    'NODE_V8_COVERAGE',
    'PYENV_VERSION',
  ];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

let reaper: ChildProcess | undefined;
/** Those that live, in the order in which they were started. */
const living = new Set<Child>();

function startReaper(): ChildProcess {
  const started = spawn(process.execPath, [join(__dirname, 'reaper.mjs')], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
    env: inheritedEnvironment(),
  });
  // It must not keep us alive: when we are through, it ends whatever we left.
  started.unref();
  if (started.stdin instanceof Socket) started.stdin.unref();
  // A reaper that was killed is no reason to fail; the next child gets a new one.
  started.stdin?.on('error', () => (reaper = reaper === started ? undefined : reaper));
  return started;
}

function watch(pid: number): void {
  reaper ??= startReaper();
  reaper.stdin?.write(`+${pid}\n`);
}

function unwatch(pid: number): void {
  reaper?.stdin?.write(`-${pid}\n`);
  if (living.size > 0) return;
  reaper?.stdin?.end();
  reaper = undefined;
}

/** Starts a process in a group of its own, so that the terminal's Ctrl-C reaches only us and we can stop everything in order. */
export async function startChild(options: ChildOptions): Promise<Child> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a');
  const child = spawn(options.command, options.args, {
    stdio: ['ignore', log, log],
    detached: true,
    cwd: options.cwd,
    env: { ...inheritedEnvironment(), ...options.env },
  });
  closeSync(log);
  const exited = new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  await once(child, 'spawn'); // rejects with ENOENT and the like
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${options.name} was started but has no process id`);
  const started: Child = {
    name: options.name,
    pid,
    logFile: options.logFile,
    exited,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    signal: (name) => void child.kill(name),
    async stop(boundMs = 10_000) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), boundMs);
      const exit = await exited;
      clearTimeout(timer);
      return exit;
    },
    tail: (lines = 15) => lastLines(options.logFile, lines),
  };
  living.add(started);
  watch(pid);
  void exited.then(() => {
    living.delete(started);
    unwatch(pid);
  });
  return started;
}

/** Stops whatever this process has started and not stopped, last started first: for a start that is interrupted halfway. */
export async function stopChildren(): Promise<void> {
  for (let last = [...living].at(-1); last !== undefined; last = [...living].at(-1)) await last.stop();
}

function lastLines(file: string, count: number): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

/** A sentence for "it ended although nobody asked it to". */
export function describeExit(name: string, exit: Exit): string {
  return exit.signal === null ? `${name} ended with exit code ${exit.code}` : `${name} was ended by ${exit.signal}`;
}
