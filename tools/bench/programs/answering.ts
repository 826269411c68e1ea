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

/** Bytes in use after everything that can be freed has been; the process needs --expose-gc. */
export function memory(): { readonly heapBytes: number; readonly rssBytes: number } {
  for (let i = 0; i < 4; i++) globalThis.gc?.();
  return { heapBytes: process.memoryUsage().heapUsed, rssBytes: process.memoryUsage.rss() };
}

/** Answers what the bench asks until it hangs up. */
export function answering(questions: Questions): void {
  const all = new Map<string, (argument: never) => unknown>(Object.entries({ cpuMicros, memory, ...questions }));
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
