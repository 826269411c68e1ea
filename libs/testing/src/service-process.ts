import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsFiles } from './certificates';
import { type Child, describeExit, type Exit, startChild } from './child';
import { notServing } from './health';

const SERVING_BOUND_MS = 60_000;
/** A service drains before it ends: longer than any deadline of its calls. */
const STOP_BOUND_MS = 20_000;

/** A process of the suite did not come up or did not stay up; the message ends with what it logged last. */
export class ProcessFailedError extends Error {}

export interface RestartOptions {
  /** Adds to and overrides the environment, from now on. */
  env?: Record<string, string>;
  /** Another entry file, from now on. */
  main?: string;
  /** Whether to wait until it is SERVING; true if not given. A test whose process is meant to die while starting says false. */
  waitForServing?: boolean;
}

export interface ServiceProcessOptions {
  name: string;
  main: string;
  address: string;
  env: Record<string, string>;
  logFile: string;
  /** For asking after its health. */
  tls: TlsFiles;
  /** Called when it ends without having been asked to by `kill`, `stop` or `restart`. */
  onUnexpectedExit?: (process: ServiceProcess, exit: Exit) => void;
}

/** One service in a process of its own, which can be killed and started again on the same port. */
export class ServiceProcess {
  readonly name: string;
  /** `localhost:port`. */
  readonly address: string;
  readonly logFile: string;
  private child: Child | undefined;
  private expected = false;

  constructor(private readonly options: ServiceProcessOptions) {
    this.name = options.name;
    this.address = options.address;
    this.logFile = options.logFile;
  }

  get pid(): number | undefined {
    return this.child?.running === true ? this.child.pid : undefined;
  }

  get running(): boolean {
    return this.child?.running === true;
  }

  /** Settles when the process that runs now has ended. */
  get exited(): Promise<Exit> {
    if (this.child === undefined) throw new Error(`${this.name} was never started`);
    return this.child.exited;
  }

  /** Starts it and returns at once. */
  async launch(): Promise<void> {
    if (this.running) throw new Error(`${this.name} is running already`);
    this.expected = false;
    const child = await startChild({
      name: this.name,
      command: process.execPath,
      args: ['--enable-source-maps', this.options.main],
      env: this.options.env,
      logFile: this.logFile,
    });
    this.child = child;
    void child.exited.then((exit) => {
      if (this.child === child && !this.expected) this.options.onUnexpectedExit?.(this, exit);
    });
  }

  /** @throws ProcessFailedError when it ends first or is not SERVING within 60 s. */
  async waitForServing(): Promise<void> {
    const end = performance.now() + SERVING_BOUND_MS;
    let reason: string | undefined = 'it was not asked yet';
    while (performance.now() < end) {
      if (this.child?.running !== true) throw await this.failure('ended before it was serving');
      reason = await notServing(this.address, this.options.tls);
      if (reason === undefined) return;
      await sleep(50);
    }
    throw await this.failure(`was not serving within ${SERVING_BOUND_MS / 1000} s (${reason})`);
  }

  /** Sends a signal (SIGSTOP, SIGCONT) and does not wait. */
  signal(name: NodeJS.Signals): void {
    this.child?.signal(name);
  }

  /** Ends it hard, as a crash would, and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.expected = true;
    this.child?.signal(signal);
    return await this.exited;
  }

  /** Asks it to drain and end; SIGKILL after 20 s. Nothing if it has ended. */
  async stop(): Promise<void> {
    this.expected = true;
    if (this.child?.running === true) await this.child.stop(STOP_BOUND_MS);
  }

  /** Stops it if it runs, and starts it on the same port. */
  async restart(options: RestartOptions = {}): Promise<void> {
    await this.stop();
    Object.assign(this.options.env, options.env);
    this.options.main = options.main ?? this.options.main;
    await this.launch();
    if (options.waitForServing ?? true) await this.waitForServing();
  }

  /** The last lines that it logged. */
  tail(lines?: number): string {
    return this.child?.tail(lines) ?? '';
  }

  private async failure(what: string): Promise<ProcessFailedError> {
    const how = this.child?.running === false ? ` (${describeExit(this.name, await this.child.exited)})` : '';
    return new ProcessFailedError(`${this.name} ${what}${how}. The end of ${this.logFile}:\n${this.tail()}`);
  }
}
