import { type EpochDocument, type EpochOperation, type Parameters, Restorer } from '../src/protocol';
import { type Environment, LIMITS, simulatedAuthenticator, type Tally } from './environment';
import { EpochStore } from './epoch-store';
import { HolderNode } from './holder-node';
import { Machine } from './machine';
import { Network, type Weather } from './network';
import { Redis } from './redis';
import { ReplicaNode } from './replica-node';
import { type Switches } from './switches';
import { Timeline } from './timeline';
import { type Facts, type State, World } from './world';
import { WriterNode } from './writer-node';

/** A machine's clocks, and what its process is configured with. */
export interface NodeSetting {
  readonly rate?: number;
  readonly wallOffset?: number;
  readonly leaseMs?: number;
}

export interface Setting {
  readonly parameters: Parameters;
  readonly switches: Switches;
  readonly trace: boolean;
  readonly weather: (timeline: Timeline) => Weather;
  readonly replicas: readonly NodeSetting[];
  readonly writers: readonly NodeSetting[];
  readonly holders: readonly NodeSetting[];
  readonly keys: readonly State[];
  readonly factLag?: () => number;
  readonly databaseOffset?: number;
  readonly tickMs?: number;
}

/** Of everything that the database holds. */
export interface DatabaseBackup {
  readonly document: EpochDocument;
  readonly facts: Facts;
}

/** Replicas p0…, writers w0…, holders h0… around one store and one Redis. */
export class Simulation {
  readonly timeline: Timeline;
  readonly environment: Environment;
  readonly replicas: readonly ReplicaNode[];
  readonly writers: readonly WriterNode[];
  readonly holders: readonly HolderNode[];
  readonly tally: Tally = { answers: 0, accepts: 0, unavailable: 0, acknowledged: 0, violations: [] };
  readonly #network: Network;
  /** With the longest lease of all: what an operator of a deployment with mixed settings has to know. */
  readonly #longest: Parameters;

  constructor(setting: Setting) {
    const { parameters, switches } = setting;
    const leases = setting.replicas.map(({ leaseMs }) => leaseMs ?? 0);
    this.#longest = { ...parameters, leaseMs: Math.max(parameters.leaseMs, ...leases) };
    this.timeline = new Timeline(setting.trace);
    this.#network = new Network(this.timeline, setting.weather(this.timeline));
    this.environment = {
      timeline: this.timeline,
      network: this.#network,
      world: new World(this.timeline, setting.keys),
      epoch: new EpochStore(this.timeline, switches, setting.databaseOffset ?? 0),
      redis: new Redis(this.#network, this.timeline),
      switches,
      parameters,
      longestLeaseMs: this.#longest.leaseMs,
      authenticator: simulatedAuthenticator,
      limits: LIMITS,
      tickMs: setting.tickMs ?? 10,
      factLag: setting.factLag ?? (() => 0),
      tally: this.tally,
    };
    const own = ({ leaseMs }: NodeSetting) => (leaseMs === undefined ? parameters : { ...parameters, leaseMs });
    const machine = (name: string, node: NodeSetting) =>
      new Machine(name, this.timeline, node.rate ?? 1, node.wallOffset ?? 0);
    const { environment } = this;
    this.replicas = setting.replicas.map((node, i) => new ReplicaNode(machine(`p${i}`, node), environment, own(node)));
    this.writers = setting.writers.map((node, i) => new WriterNode(machine(`w${i}`, node), environment, own(node)));
    this.holders = setting.holders.map((node, i) => new HolderNode(machine(`h${i}`, node), environment, own(node)));
  }

  backup(): DatabaseBackup {
    const { epoch, world } = this.environment;
    return { document: epoch.document, facts: world.backup() };
  }

  /** The database comes back from a backup, and an operator runs `latchkey restore` before anybody can reach it. */
  restore({ document, facts }: DatabaseBackup, generation: string, operatorRate: number): void {
    const { epoch, world, switches } = this.environment;
    epoch.overwrite(document);
    const over = world.restore(facts);
    const operator = new Machine('restore', this.timeline, operatorRate, 0);
    const macKey = `secret of ${generation}`;
    const restorer = new Restorer(document, { parameters: this.#longest, generation, macKey, ablations: switches });
    const execute = (operation: EpochOperation) => epoch.execute(operator.name, operation);
    if (!execute(restorer.begin())) return;
    restorer.begun(operator.clock());
    const wait = () => {
      const operation = restorer.tick(operator.clock());
      if (!operation) return operator.after(5, wait);
      execute(operation);
      over();
    };
    wait();
  }
}
