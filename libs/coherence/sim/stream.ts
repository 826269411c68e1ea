import { type DownMessage, type UpMessage } from '../src/protocol';
import { type Environment } from './environment';
import { type Machine } from './machine';
import { type Fact } from './world';

/** One end of a stream: what it does with what arrives. */
export interface StreamEnd<M> {
  readonly machine: Machine;
  readonly received: (message: M) => void;
  readonly closed: () => void;
}

/** A WatchGrants stream: in order in both directions, until it stalls or is cut; the two ends notice when they notice. */
export class Stream {
  readonly id: string;
  readonly #environment: Environment;
  readonly #replica: StreamEnd<UpMessage>;
  readonly #holder: StreamEnd<DownMessage<Fact>>;
  readonly #last = { down: 0, up: 0 };
  #stalled = false;
  #cut = false;

  constructor(
    id: string,
    environment: Environment,
    replica: StreamEnd<UpMessage>,
    holder: StreamEnd<DownMessage<Fact>>,
  ) {
    this.id = id;
    this.#environment = environment;
    this.#replica = replica;
    this.#holder = holder;
  }

  down(message: DownMessage<Fact>): void {
    this.#send('down', this.#replica.machine, this.#holder, message.type, message);
  }

  up(message: UpMessage): void {
    this.#send('up', this.#holder.machine, this.#replica, message.type, message);
  }

  /** Ends it. Each end notices after its own delay; nothing arrives any more. */
  cut(replicaNoticesAfter: number, holderNoticesAfter: number): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#environment.timeline.note(() => `stream ${this.id} is cut`);
    this.#replica.machine.after(replicaNoticesAfter, this.#replica.closed);
    this.#holder.machine.after(holderNoticesAfter, this.#holder.closed);
  }

  #send<M>(way: 'down' | 'up', from: Machine, to: StreamEnd<M>, what: string, message: M): void {
    if (this.#stalled || this.#cut) return;
    const { network, timeline } = this.#environment;
    const delay = network.delay({ from: from.name, to: to.machine.name, what, leg: 'message' });
    if (delay === undefined) {
      // A stream doesn't lose one message: it loses this one and all after it, and dies of it in the end.
      this.#stalled = true;
      timeline.after(500, () => this.cut(100, 400));
      return;
    }
    this.#last[way] = Math.max(this.#last[way], timeline.now + delay);
    const life = to.machine.life;
    timeline.at(this.#last[way], () => {
      if (to.machine.life !== life) return;
      to.machine.after(0, () => {
        if (this.#cut) return;
        timeline.note(() => `${to.machine.name} gets on ${this.id}: ${what}`);
        to.received(message);
      });
    });
  }
}
