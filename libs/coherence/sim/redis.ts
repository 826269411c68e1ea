import { type SignedBroadcast } from '../src/protocol';
import { type Machine } from './machine';
import { type Network } from './network';
import { type Timeline } from './timeline';

interface Subscriber {
  readonly machine: Machine;
  readonly heard: (message: SignedBroadcast) => void;
}

/** Redis: loses, delays and repeats what it likes, and anybody may publish. */
export class Redis {
  readonly #network: Network;
  readonly #timeline: Timeline;
  readonly #subscribers: Subscriber[] = [];
  /** What an eavesdropper has kept. */
  readonly overheard: SignedBroadcast[] = [];

  constructor(network: Network, timeline: Timeline) {
    this.#network = network;
    this.#timeline = timeline;
  }

  subscribe(machine: Machine, heard: (message: SignedBroadcast) => void): void {
    this.#subscribers.push({ machine, heard });
  }

  #hand(message: SignedBroadcast, machine: Machine, heard: Subscriber['heard']): void {
    this.#timeline.note(() => `${machine.name} hears over Redis: ${describe(message)}`);
    heard(message);
  }

  publish(from: string, message: SignedBroadcast): void {
    if (this.overheard.length < 64) this.overheard.push(message);
    for (const { machine, heard } of this.#subscribers) {
      const delay = this.#network.delay({ from, to: machine.name, what: message.body.type, leg: 'message' });
      if (delay !== undefined && machine.alive) machine.after(delay, () => this.#hand(message, machine, heard));
    }
  }
}

function describe({ body }: SignedBroadcast): string {
  if (body.type === 'applied') return `${body.incarnation} has applied ${body.names.join(', ')}`;
  return `events ${body.events.map(({ name, event }) => `${name} (${event.id})`).join(', ')}`;
}
