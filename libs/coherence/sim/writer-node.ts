import {
  Barrier,
  type BarrierEffect,
  type Delta,
  type EpochDocument,
  type Parameters,
  type Watermark,
} from '../src/protocol';
import { type Environment } from './environment';
import { type Machine } from './machine';
import { type Mutation } from './world';

/** What goes through the barrier: a mutation that somebody waits for, or one that a sweeper found in the outbox. */
interface Work {
  readonly mutation: Mutation;
  /** What its commit has made; not known yet where the bump comes first. */
  readonly version: number | undefined;
  readonly delta: Delta | undefined;
  readonly swept: boolean;
}

/** A sweeper looks this often, for what is older than this. Milliseconds. */
const SWEEP_MS = 400;

/** Of a secondary, where one is asked who is listed; milliseconds. */
const LAG_MS = 300;

/** A process that makes mutations: commit, barrier, answer; and finishes what others have left. */
export class WriterNode {
  readonly machine: Machine;
  readonly #environment: Environment;
  readonly #parameters: Parameters;
  #barrier: Barrier<Work>;
  #remembered: Watermark | undefined;
  #passedEarly = new Set<Mutation>();

  constructor(machine: Machine, environment: Environment, parameters: Parameters) {
    this.machine = machine;
    this.#environment = environment;
    this.#parameters = parameters;
    this.#barrier = this.#newBarrier();
    environment.redis.subscribe(machine, (message) => this.#do(this.#barrier.heard(message, machine.clock())));
    this.#tick();
  }

  /** A request to make this change arrives, for the first time or again. */
  mutate(mutation: Mutation): void {
    const { timeline, network, world, switches } = this.#environment;
    if (!this.machine.alive) return;
    timeline.note(() => `${this.machine.name} is asked for M${mutation.id} on ${world.nameOf(mutation.slot)}`);
    const madeIn = this.#barrier.generation;
    if (switches.bumpBeforeState) this.#enter({ mutation, version: undefined, delta: undefined, swept: false });
    const commit = () => {
      const replayed = mutation.version !== undefined;
      world.commit(mutation);
      const { version, delta } = mutation;
      return { replayed, version, delta };
    };
    network.call(this.machine, 'commit', commit, ({ replayed, version, delta }) => {
      const work = { mutation, version, delta, swept: false };
      if (replayed && switches.replayWithoutBarrier) this.#answer(work);
      else if (!switches.bumpBeforeState) this.#enter(work, madeIn);
      else if (this.#passedEarly.has(mutation)) this.#answer(work);
    });
  }

  crash(): void {
    if (this.machine.alive) this.machine.crash();
  }

  restart(): void {
    if (this.machine.alive) return;
    this.machine.restart();
    this.#passedEarly = new Set();
    this.#barrier = this.#newBarrier();
    this.#tick();
  }

  #newBarrier(): Barrier<Work> {
    const { authenticator, switches } = this.#environment;
    return new Barrier<Work>({
      writer: switches.reusedWriter ? this.machine.name : `${this.machine.name}.${this.machine.life}`,
      parameters: this.#parameters,
      authenticator,
      remembered: this.#remembered,
      ablations: switches,
    });
  }

  #enter(work: Work, madeIn?: string): void {
    const { mutation, delta } = work;
    // Also of what is asked for again, which the real service no longer knows: no harm must come of it.
    this.#do(this.#barrier.submit(work, [{ ...mutation.event, delta }], this.machine.clock(), madeIn));
  }

  #sweep(): void {
    const { world, timeline } = this.#environment;
    for (const [mutation, committed] of world.outbox) {
      const { version, delta } = mutation;
      if (timeline.now - committed > SWEEP_MS) this.#enter({ mutation, version, delta, swept: true });
    }
  }

  #answer({ mutation, version }: Work): void {
    this.#environment.tally.acknowledged++;
    this.#environment.world.acknowledge(mutation, version);
  }

  #tick(): void {
    const again = () => {
      this.#do(this.#barrier.tick(this.machine.clock()));
      this.machine.after(this.#environment.tickMs, again);
    };
    this.machine.after(0, again);
    const sweep = () => {
      this.#sweep();
      this.machine.after(SWEEP_MS, sweep);
    };
    this.machine.after(SWEEP_MS, sweep);
  }

  #passed(work: Work): void {
    const { mutation, swept } = work;
    if (swept) return;
    const version = work.version ?? mutation.version;
    if (version === undefined) this.#passedEarly.add(mutation);
    else this.#answer({ ...work, version });
  }

  #do(effects: readonly BarrierEffect<Work>[]): void {
    const { network, epoch, redis, world, switches } = this.#environment;
    const { machine } = this;
    const barrier = this.#barrier;
    const ask = (ticket: number, what: string, run: () => EpochDocument | undefined): void =>
      network.call(machine, what, run, (document) => this.#do(barrier.answered(ticket, document, machine.clock())));
    for (const effect of effects) {
      switch (effect.kind) {
        case 'broadcast':
          redis.publish(machine.name, effect.message);
          break;
        case 'passed':
          this.#passed(effect.mutation);
          break;
        case 'remember':
          this.#remembered = effect.watermark;
          break;
        case 'bumped':
          world.outbox.delete(effect.mutation.mutation);
          break;
        case 'read':
          network.call(
            machine,
            'read',
            () => epoch.document,
            (document) => this.#do(barrier.read(document, machine.clock())),
          );
          break;
        case 'list':
          ask(effect.ticket, 'list', () => (switches.staleList ? epoch.before(LAG_MS) : epoch.document));
          break;
        case 'store':
          ask(effect.ticket, 'bump', () => epoch.execute(machine.name, effect.operation));
      }
    }
  }
}
