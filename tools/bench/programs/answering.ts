import { constants, PerformanceObserver } from 'node:perf_hooks';

/** What a measured process is asked over its IPC channel, by name. */
export type Questions = Readonly<Record<string, (argument: never) => unknown>>;

export interface Asked {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export type Answered = { readonly id: number } & ({ readonly answer: unknown } | { readonly error: string });

/** CPU time that this process has used so far, user and system, µs: its own accounting. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** For how long garbage was collected, µs. */
export interface Collected {
  /** Of what is young. */
  readonly minor: number;
  /** Of everything. Less than the CPU that it took: marking goes on beside the program, too. */
  readonly major: number;
}

const soFar = { minor: 0, major: 0 };
let observer: PerformanceObserver | undefined;
const MICROS = 1_000;

/** Since it was asked first: whoever is not asked has nobody look. */
function collected(): Collected {
  if (observer === undefined) {
    observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { duration, detail } = entry as typeof entry & { readonly detail: { readonly kind: number } };
        soFar[detail.kind === constants.NODE_PERFORMANCE_GC_MINOR ? 'minor' : 'major'] += duration * MICROS;
      }
    });
    observer.observe({ entryTypes: ['gc'] });
  }
  return soFar;
}

/** Bytes in use after everything that can be freed has been; the process needs --expose-gc. */
export function memory(): { readonly heapBytes: number; readonly rssBytes: number } {
  for (let i = 0; i < 4; i++) globalThis.gc?.();
  return { heapBytes: process.memoryUsage().heapUsed, rssBytes: process.memoryUsage.rss() };
}

/** Answers what the bench asks until it hangs up. */
export function answering(questions: Questions): void {
  const all = new Map<string, (argument: never) => unknown>(
    Object.entries({ cpuMicros, memory, collected, ...questions }),
  );
  const reply = (answered: Answered): void => {
    if (process.connected) process.send?.(answered);
  };
  process.on('message', ({ id, name, argument }: Asked) => {
    const ask = async () => await all.get(name)?.(argument as never);
    ask().then(
      (answer) => reply({ id, answer }),
      (error: unknown) => reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
}
