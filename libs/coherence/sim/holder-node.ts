import { Check, Holder, type HolderEffects, type Parameters, type Step } from '../src/protocol';
import { type Answer, deciding } from './decision';
import { begin, type Began, conclude, type Environment } from './environment';
import { type Machine } from './machine';
import { type ReplicaNode } from './replica-node';
import { Stream } from './stream';
import { type Fact, KINDS } from './world';

interface Waiter {
  readonly check: Check<Fact, Answer>;
  readonly began: Began;
}

/** A process with the SDK, answering its own checks from memory under a sub-lease. */
export class HolderNode {
  readonly machine: Machine;
  readonly #environment: Environment;
  readonly #parameters: Parameters;
  readonly #holder: Holder<Waiter, Fact>;
  #stream: Stream | undefined;
  #streams = 0;

  constructor(machine: Machine, environment: Environment, parameters: Parameters) {
    this.machine = machine;
    this.#environment = environment;
    this.#parameters = parameters;
    const { switches, limits } = environment;
    this.#holder = new Holder<Waiter, Fact>({ parameters, kinds: KINDS, limits, ablations: switches });
    this.#tick();
  }

  get isConnected(): boolean {
    return this.#stream !== undefined;
  }

  connect(replica: ReplicaNode): void {
    if (this.#stream || !replica.isOpen) return;
    const { machine } = this;
    const stream: Stream = new Stream(
      `${machine.name}/${++this.#streams}`,
      this.#environment,
      {
        machine: replica.machine,
        received: (message) => replica.said(stream, message),
        closed: () => replica.streamClosed(stream),
      },
      {
        machine,
        received: (message) => {
          if (this.#stream !== stream) return;
          this.#do(this.#holder.received(message, machine.clock()));
          // Given back: look for another replica, once the release has had time to arrive.
          if (message.type === 'leaving') machine.after(100, () => stream.cut(0, 0));
        },
        closed: () => this.#closed(stream),
      },
    );
    this.#environment.timeline.note(() => `${machine.name} opens stream ${stream.id} to ${replica.machine.name}`);
    this.#stream = stream;
    replica.accept(stream, machine.name);
    this.#do(this.#holder.opened(machine.clock()));
  }

  /** The connection breaks. */
  cut(replicaNoticesAfter: number, holderNoticesAfter: number): void {
    this.#stream?.cut(replicaNoticesAfter, holderNoticesAfter);
  }

  /** Closes on purpose. */
  release(): void {
    const stream = this.#stream;
    if (!stream) return;
    this.#environment.timeline.note(() => `${this.machine.name} gives its sub-lease back`);
    this.#do(this.#holder.release());
    this.machine.after(20, () => stream.cut(0, 0));
  }

  check(hash: string): void {
    this.machine.after(0, () => {
      const began = begin(this.#environment, this.machine.name);
      this.#environment.timeline.note(() => `${this.machine.name} is asked about ${hash}`);
      const databaseTime = () => this.#holder.databaseTime(this.machine.clock());
      const check = new Check(deciding(hash, databaseTime), this.#holder, this.#holder.cache, {
        maxRestarts: this.#parameters.maxRestarts,
        ablations: this.#environment.switches,
      });
      this.#advance({ check, began }, check.step(this.machine.clock()));
    });
  }

  #closed(stream: Stream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#do(this.#holder.closed());
  }

  #tick(): void {
    const again = () => {
      this.#do(this.#holder.tick(this.machine.clock()));
      this.machine.after(this.#environment.tickMs, again);
    };
    this.machine.after(0, again);
  }

  #advance(waiter: Waiter, step: Step<Answer>): void {
    if (step.kind === 'answer') conclude(this.#environment, waiter.began, step.answer);
    else if (step.kind === 'unavailable') this.#environment.tally.unavailable++;
    else {
      const effects = this.#holder.fetch(step.subject, waiter);
      if (effects) this.#do(effects);
      else this.#environment.tally.unavailable++;
    }
  }

  #do({ send, resumed, failed }: HolderEffects<Waiter>): void {
    for (const message of send) this.#stream?.up(message);
    this.#environment.tally.unavailable += failed.length;
    for (const waiter of resumed) {
      // The entry came in order with the events: nothing was dropped, but everything is looked up anew.
      this.#advance(waiter, waiter.check.resume('stored', undefined, this.machine.clock()));
    }
  }
}
