import {
  Check,
  type EpochDocument,
  type FillEnd,
  type Parameters,
  patience,
  Pruner,
  Replica,
  type ReplicaEffect,
  type Step,
  type Subject,
  subjectName,
  type UpMessage,
  type Watermark,
} from '../src/protocol';
import { type Answer, deciding } from './decision';
import { begin, type Began, conclude, type Environment } from './environment';
import { type Machine } from './machine';
import { type Stream } from './stream';
import { type Fact, KINDS, renewFact } from './world';

/** What a fill resumes: a check of the replica's own, or an SDK holder that asked for an entry. */
type Waiter =
  | { readonly check: Check<Fact, Answer>; readonly began: Began }
  | { readonly stream: Stream; readonly subject: Subject; readonly attempt: number };

/** A replica process: the protocol's state machine on a machine of the simulation. */
export class ReplicaNode {
  readonly machine: Machine;
  readonly #environment: Environment;
  readonly #parameters: Parameters;
  /** What the data folder keeps over a crash. */
  #remembered: Watermark | undefined;
  #lives = 0;
  #streams = new Map<string, Stream>();
  replica: Replica<Waiter, Fact>;
  #pruner: Pruner;

  constructor(machine: Machine, environment: Environment, parameters: Parameters) {
    this.machine = machine;
    this.#environment = environment;
    this.#parameters = parameters;
    this.replica = this.#newReplica();
    this.#pruner = new Pruner(parameters, environment.switches);
    environment.redis.subscribe(machine, (message) => this.#do(this.replica.heard(message, machine.clock())));
    this.#tick();
  }

  /** A request to authorize arrives. */
  check(hash: string): void {
    const { timeline } = this.#environment;
    this.machine.after(0, () => {
      const began = begin(this.#environment, this.machine.name);
      timeline.note(() => `${this.machine.name} is asked about ${hash}`);
      const { replica } = this;
      const databaseTime = () => replica.databaseTime(this.machine.clock());
      const check = new Check(deciding(hash, databaseTime), replica, replica.cache, this.#checkOptions());
      this.#advance(check, began, check.step(this.machine.clock()));
    });
  }

  leave(): void {
    this.machine.after(0, () => {
      this.#environment.timeline.note(() => `${this.machine.name} begins to leave`);
      this.#do(this.replica.leave());
    });
  }

  crash(): void {
    if (!this.machine.alive) return;
    this.machine.crash();
    for (const stream of this.#streams.values()) stream.cut(0, 200);
    this.#streams.clear();
  }

  restart(): void {
    if (this.machine.alive && this.replica.state !== 'LEFT') return;
    for (const stream of this.#streams.values()) stream.cut(0, 0);
    this.#streams.clear();
    this.machine.restart();
    this.replica = this.#newReplica();
    this.#pruner = new Pruner(this.#parameters, this.#environment.switches);
    this.#tick();
  }

  get isOpen(): boolean {
    return this.machine.alive && this.replica.state === 'UP';
  }

  get isServing(): boolean {
    return this.machine.alive && this.replica.mayServe(this.machine.clock());
  }

  accept(stream: Stream, client: string): void {
    this.#streams.set(stream.id, stream);
    this.replica.holderOpened(stream.id, client);
  }

  streamClosed(stream: Stream): void {
    this.#streams.delete(stream.id);
    this.replica.holderClosed(stream.id);
  }

  said(stream: Stream, message: UpMessage): void {
    if (message.type === 'fetch') this.#serveEntry(stream, message.subject, 0);
    else this.#do(this.replica.holderSaid(stream.id, message, this.machine.clock()));
  }

  #newReplica(): Replica<Waiter, Fact> {
    const { switches, authenticator, limits } = this.#environment;
    const life = ++this.#lives;
    let joins = 0;
    const identify = () => {
      if (switches.sharedIncarnation) return 'shared';
      return switches.reusedIncarnation ? this.machine.name : `${this.machine.name}.${life}.${++joins}`;
    };
    return new Replica<Waiter, Fact>({
      parameters: this.#parameters,
      kinds: KINDS,
      limits,
      renew: renewFact,
      authenticator,
      identify,
      remembered: this.#remembered,
      ablations: switches,
    });
  }

  #tick(): void {
    const { tickMs } = this.#environment;
    const again = () => {
      this.#do(this.replica.tick(this.machine.clock()));
      for (const end of this.replica.fills.expire(this.machine.clock())) this.#ended(end);
      this.machine.after(tickMs, again);
    };
    this.machine.after(0, again);
  }

  #checkOptions() {
    return { maxRestarts: this.#parameters.maxRestarts, ablations: this.#environment.switches };
  }

  #advance(check: Check<Fact, Answer>, began: Began, step: Step<Answer>): void {
    if (step.kind === 'answer') conclude(this.#environment, began, step.answer);
    else if (step.kind === 'unavailable') this.#environment.tally.unavailable++;
    else this.#await(step.subject, { check, began });
  }

  #await(subject: Subject, waiter: Waiter): void {
    const { ticket } = this.replica.fills.await(subject, waiter, this.machine.clock());
    if (ticket === undefined) return;
    const { network, world, timeline, factLag } = this.#environment;
    const { replica, machine } = this;
    const name = `${machine.name}'s fill of ${subjectName(subject)}`;
    const read = () => {
      const result = world.read(subject, timeline.now - factLag());
      timeline.note(() => `${name} reads ${result.entities[0] ? `v${result.entities[0].value.version}` : 'nothing'}`);
      return result;
    };
    network.call(
      machine,
      'facts',
      read,
      (result) => this.#ended(replica.fills.end(ticket, result, machine.clock()), name),
      {
        patience: 2 * this.#parameters.leaseMs,
        onSilence: () => this.#ended(replica.fills.end(ticket, undefined, machine.clock()), name),
      },
    );
  }

  #ended(end: FillEnd<Waiter, Fact>, name = `a fill of ${this.machine.name}`): void {
    this.#environment.timeline.note(() => `${name} ends: ${end.outcome}, ${end.waiters.length} waiting`);
    for (const waiter of end.waiters) {
      if ('check' in waiter) {
        const step = waiter.check.resume(end.outcome, end.result, this.machine.clock());
        this.#advance(waiter.check, waiter.began, step);
      } else if (end.outcome !== 'failed' && waiter.attempt < this.#parameters.maxRestarts) {
        this.#serveEntry(waiter.stream, waiter.subject, waiter.attempt + 1);
      } else this.#do(this.replica.refuseEntry(waiter.stream.id, waiter.subject));
    }
  }

  #serveEntry(stream: Stream, subject: Subject, attempt: number): void {
    const effects = this.replica.sendEntry(stream.id, subject, this.machine.clock());
    if (effects) this.#do(effects);
    else this.#await(subject, { stream, subject, attempt });
  }

  #do(effects: readonly ReplicaEffect<Fact>[]): void {
    const { replica, machine } = this;
    const { redis } = this.#environment;
    for (const effect of effects) {
      if (effect.kind === 'broadcast') redis.publish(machine.name, effect.message);
      else if (effect.kind === 'remember') this.#remembered = effect.watermark;
      else if (effect.kind === 'send') this.#streams.get(effect.stream)?.down(effect.message);
      else if (effect.kind === 'end') {
        this.#streams.get(effect.stream)?.cut(0, 50);
        this.#streams.delete(effect.stream);
      } else this.#store(replica, effect);
    }
  }

  #store(replica: Replica<Waiter, Fact>, effect: Extract<ReplicaEffect<Fact>, { kind: 'store' }>): void {
    const { network, epoch } = this.#environment;
    const { machine } = this;
    const { operation, ticket } = effect;
    const answered = (document: ReturnType<typeof epoch.execute>) => {
      this.#do(replica.answered(ticket, document, machine.clock()));
      if (document && operation.op === 'poll') this.#prune(document);
    };
    // Polls are never given up here: the replica decides what a late answer is worth.
    const silence = { patience: patience(this.#parameters), onSilence: () => replica.failed(ticket) };
    const execute = () => epoch.execute(machine.name, operation);
    network.call(machine, operation.op, execute, answered, operation.op === 'leave' ? silence : undefined);
  }

  #prune(document: EpochDocument): void {
    const { network, epoch } = this.#environment;
    for (const operation of this.#pruner.saw(document, this.machine.clock())) {
      network.call(
        this.machine,
        'prune',
        () => epoch.execute(this.machine.name, operation),
        () => undefined,
      );
    }
  }
}
