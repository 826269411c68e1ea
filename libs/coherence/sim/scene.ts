import { DEFAULTS, type Parameters } from '../src/protocol';
import { type Tally } from './environment';
import { type Leg, type Weather } from './network';
import { type NodeSetting, Simulation } from './simulation';
import { type Switch, type Switches } from './switches';
import { type Timeline } from './timeline';
import { type Mutation, type State, type Telling } from './world';

/** A hand-written schedule that breaks the promise without one ingredient, and keeps it with all of them. */
export interface Schedule {
  readonly without: Switch;
  /** What happens, and why the ingredient is needed. */
  readonly story: string;
  readonly setting?: SceneSetting;
  readonly script: (scene: Scene) => void;
}

export interface SceneSetting {
  readonly parameters?: Partial<Parameters>;
  readonly replicas?: readonly NodeSetting[];
  readonly writers?: readonly NodeSetting[];
  readonly holders?: readonly NodeSetting[];
  /** The first key, if it isn't a plain working one. */
  readonly key?: Partial<State>;
  /** Redis carries messages. Without it, everything goes by polls. */
  readonly redis?: boolean;
  readonly factLag?: number;
  readonly until?: number;
}

/** What of the messages is meant; the first `skip` of them are passed over, and only `times` are. */
interface Rule extends Partial<Leg> {
  readonly after?: number;
  readonly until?: number;
  readonly skip?: number;
  readonly times?: number;
}

/** Every message takes 1 ms, except where a rule says otherwise. */
class ScriptedWeather implements Weather {
  readonly #timeline: Timeline;
  readonly #rules: { readonly rule: Rule; readonly delay: number | 'lost'; seen: number }[] = [];

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  add(rule: Rule, delay: number | 'lost'): void {
    this.#rules.push({ rule, delay, seen: 0 });
  }

  delay(leg: Leg): number | undefined {
    for (const entry of this.#rules) {
      if (!matches(entry.rule, leg, this.#timeline.now)) continue;
      const place = entry.seen++;
      const { skip = 0, times = Infinity } = entry.rule;
      if (place >= skip && place < skip + times) return entry.delay === 'lost' ? undefined : entry.delay;
    }
    return 1;
  }
}

function matches(rule: Rule, leg: Leg, now: number): boolean {
  return (
    (rule.from === undefined || rule.from === leg.from) &&
    (rule.to === undefined || rule.to === leg.to) &&
    (rule.what === undefined || rule.what === leg.what) &&
    (rule.leg === undefined || rule.leg === leg.leg) &&
    now >= (rule.after ?? 0) &&
    now < (rule.until ?? Infinity)
  );
}

/** True milliseconds that a schedule takes, if it doesn't say otherwise. */
const UNTIL_MS = 2_000;

/** The stage: L = 1 s, polls every 100 ms (at 10, 110, 210 … where clocks are true), ticks every 10 ms, key `k0` works. */
export class Scene {
  readonly simulation: Simulation;
  readonly #weather: ScriptedWeather;
  readonly #until: number;

  constructor(setting: SceneSetting, switches: Switches, trace: boolean) {
    let weather: ScriptedWeather | undefined;
    const { factLag } = setting;
    this.#until = setting.until ?? UNTIL_MS;
    this.simulation = new Simulation({
      parameters: { ...DEFAULTS, leaseMs: 1_000, pollMs: 100, ringSize: 4, ...setting.parameters },
      switches,
      trace,
      weather: (timeline) => (weather = new ScriptedWeather(timeline)),
      replicas: setting.replicas ?? [{}, {}],
      writers: setting.writers ?? [{}, {}],
      holders: setting.holders ?? [{}],
      keys: [
        { on: true, hash: 'k0#0', ...setting.key },
        { on: true, hash: 'k1#0' },
      ],
      factLag: () => (switches.staleFill ? (factLag ?? 0) : 0),
    });
    if (!weather) throw new Error('a simulation asks for its weather at once');
    this.#weather = weather;
    if (!setting.redis) for (const what of ['events', 'applied']) this.route({ what, leg: 'message' }, 'lost');
  }

  at(time: number, run: () => void): void {
    this.simulation.timeline.at(time, run);
  }

  /** What becomes of such messages: milliseconds under way, or lost. The first rule that matches decides. */
  route(rule: Rule, delay: number | 'lost'): void {
    this.#weather.add(rule, delay);
  }

  /** From `after` on, nothing passes between this machine and the store. */
  cutOff(name: string, after: number, until = Infinity): void {
    this.route({ from: name, to: 'store', after, until }, 'lost');
    this.route({ from: 'store', to: name, after, until }, 'lost');
  }

  /** Asks a replica (p0…) or an SDK holder (h0…) every few milliseconds. */
  check(name: string, hash: string, from: number, until = from, every = 5): void {
    const node = [...this.simulation.replicas, ...this.simulation.holders].find(({ machine }) => machine.name === name);
    if (!node) throw new Error(`there is no ${name} to ask`);
    for (let time = from; time <= until; time += every) this.at(time, () => node.check(hash));
  }

  /** A writer is asked for a change; returns it once it has been asked for. */
  mutate(time: number, id: string, change: Partial<State>, options: Telling & { writer?: number } = {}) {
    const { world } = this.simulation.environment;
    const made: { mutation?: Mutation } = {};
    this.at(time, () => {
      made.mutation = world.propose(id, { ...world.latest(world.slotOf(id)), ...change }, options);
      this.simulation.writers[options.writer ?? 0]?.mutate(made.mutation);
    });
    return made;
  }

  /** An SDK holder connects to a replica and caches the key. */
  hold(holder: number, replica: number, time: number): void {
    this.at(time, () => this.simulation.holders[holder]?.connect(this.simulation.replicas[replica]!));
    this.check(`h${holder}`, 'k0#0', time + 20);
  }

  run(): SceneResult {
    this.simulation.timeline.runUntil(this.#until);
    const unacknowledged = this.simulation.environment.world.unacknowledged().length;
    return { ...this.simulation.tally, unacknowledged, lines: this.simulation.timeline.lines };
  }
}

export interface SceneResult extends Tally {
  /** Mutations that nobody has answered by the end. */
  readonly unacknowledged: number;
  readonly lines: readonly string[];
}

/** Plays a schedule, with or without the ingredient it is about. */
export function play(schedule: Schedule, ablated: boolean, trace = false): SceneResult {
  const scene = new Scene(schedule.setting ?? {}, ablated ? { [schedule.without]: true } : {}, trace);
  schedule.script(scene);
  return scene.run();
}
