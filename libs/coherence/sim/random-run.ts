import { DEFAULTS } from '../src/protocol';
import { type Tally } from './environment';
import { scheduleFaults } from './random-faults';
import { RandomWeather } from './random-weather';
import { Random } from './random';
import { Simulation } from './simulation';
import { type Switches } from './switches';
import { type Timeline } from './timeline';
import { type Mutation, type State } from './world';

/** True milliseconds that a seed simulates. */
export const DURATION_MS = 6_000;
const KEYS = 4;
/** What is asked for most, and changed most. */
const HOT = ['k0', 'm0', 'r0'];

/** Every so many seeds, the faults end, and everything must work again. */
const SETTLE_EVERY = 10;
/** Longer than the slowest message, and the longest lease with its margin, after each other. */
const SETTLE_MS = 9_000;

export interface RunResult extends Tally {
  /** Who did not recover after the faults had ended. Only looked at in some seeds. */
  readonly stuck: readonly string[];
  readonly lines: readonly string[];
}

/** One whole schedule, determined by its seed and the switches. */
export function runSeed(seed: number, switches: Switches = {}, trace = false): RunResult {
  const random = new Random(seed);
  const leaseMs = random.pick([600, 1_000, 1_500]);
  const pollMs = random.pick([50, 100]);
  const parameters = {
    ...DEFAULTS,
    leaseMs,
    pollMs,
    ringSize: random.pick([1, 2, 3, 8]),
    penaltyMs: random.pick([200, 1_000]),
  };
  // The ends of what is allowed are where a margin shows.
  const rate = () => random.pick([0.98, 1.02, 1 + random.between(-0.02, 0.02)]);
  const clock = () => ({ rate: rate(), wallOffset: random.between(-5_000, 5_000) });
  const lease = () => (random.chance(0.2) ? { leaseMs: random.pick([400, 800, 2_000]) } : {});
  const names = ['p0', 'p1', 'p2', 'w0', 'w1'];
  const databaseOffset = random.between(0, 10_000);
  let weather: RandomWeather | undefined;
  const simulation = new Simulation({
    parameters,
    switches,
    trace,
    weather: (timeline: Timeline) => (weather = new RandomWeather(random, timeline, names, DURATION_MS)),
    replicas: [0, 1, 2].map(() => ({ ...clock(), ...lease() })),
    writers: [clock(), clock()],
    holders: [clock(), clock()],
    keys: Array.from({ length: KEYS }, (_, i) => firstState(random, i, databaseOffset)),
    databaseOffset,
    factLag: switches.staleFill ? () => (random.chance(0.3) ? random.between(0, 2_000) : 0) : () => 0,
    tickMs: 20,
  });
  scheduleChecks(simulation, random);
  if (!weather) throw new Error('a simulation asks for its weather at once');
  scheduleMutations(simulation, random, weather, leaseMs);
  scheduleFaults(simulation, random, DURATION_MS, leaseMs);
  simulation.timeline.runUntil(DURATION_MS);
  const stuck = seed % SETTLE_EVERY === 0 ? settle(simulation) : [];
  return { ...simulation.tally, stuck, lines: simulation.timeline.lines };
}

/** With the network whole, and without a restart of anybody who lives: who does not serve, what is not acknowledged? */
function settle(simulation: Simulation): string[] {
  const { timeline, replicas, writers, environment } = simulation;
  // Twice, since whoever is still leaving can only then start again.
  for (const end of [SETTLE_MS / 3, SETTLE_MS]) {
    for (const node of [...replicas, ...writers]) node.restart();
    timeline.runUntil(DURATION_MS + end);
  }
  const stuck = replicas.filter(({ isServing }) => !isServing).map(({ machine }) => machine.name);
  return [...stuck, ...environment.world.unacknowledged(), ...(environment.world.outbox.size > 0 ? ['outbox'] : [])];
}

function firstState(random: Random, i: number, databaseOffset: number): State {
  const expires = random.chance(0.3) ? databaseOffset + random.between(500, DURATION_MS) : undefined;
  return { on: random.chance(0.9), hash: `k${i}#0`, expires };
}

function scheduleChecks(simulation: Simulation, random: Random): void {
  const { timeline } = simulation;
  // A few keys are hot: what is asked all the time is what a lost eviction shows up in.
  const hash = () => `k${random.chance(0.6) ? 0 : random.below(KEYS)}#${random.chance(0.7) ? 0 : 1}`;
  for (const node of [...simulation.replicas, ...simulation.holders]) {
    const again = () => {
      if (timeline.now > DURATION_MS) return;
      node.check(hash());
      timeline.after(random.between(5, 60), again);
    };
    timeline.after(random.between(0, 60), again);
  }
}

function scheduleMutations(simulation: Simulation, random: Random, weather: RandomWeather, leaseMs: number): void {
  const { timeline, writers, environment } = simulation;
  const { world } = environment;
  const submit = (mutation: Mutation) => {
    random.pick(writers).mutate(mutation);
    // Whoever gets no answer asks again, perhaps elsewhere, as often as it takes.
    timeline.after(random.between(500, 2_500), () => {
      if (!mutation.acknowledged) submit(mutation);
    });
  };
  const propose = () => {
    const hot = random.chance(0.6);
    const slot = hot ? world.slotOf(random.pick(HOT)) : random.below(world.size);
    const state = world.latest(slot);
    const id = world.nameOf(slot);
    const rotate = world.kindOf(slot) === 'key' && random.chance(hot ? 0.1 : 0.5);
    const change = rotate ? { ...state, hash: `${id}#${random.below(2)}` } : { ...state, on: !state.on };
    // A newer version of the software calls its event by a name that this one doesn't know.
    const as = random.chance(0.02) ? { kind: 'policy', id: 'p', hashes: [] } : undefined;
    submit(world.propose(id, change, { as, withDelta: as === undefined && random.chance(0.5) }));
    // What is off is soon on again, or there would be nothing to revoke.
    if (state.on && !rotate) {
      timeline.after(random.between(100, 800), () => {
        if (!world.latest(slot).on)
          submit(world.propose(id, { ...world.latest(slot), on: true }, { withDelta: random.chance(0.5) }));
      });
    }
  };
  const again = () => {
    if (timeline.now > DURATION_MS) return;
    for (let i = random.pick([1, 1, 2, 4]); i > 0; i--) timeline.after(random.between(0, 15), propose);
    timeline.after(random.between(50, 900), again);
  };
  timeline.after(random.between(200, 800), again);
  // The moment somebody is cut off is the worst one for a change.
  for (const cut of weather.cuts) if (random.chance(0.7)) timeline.at(cut.from + random.between(-30, 60), propose);
  for (const node of simulation.replicas) {
    if (!random.chance(0.5)) continue;
    const sprung = () => {
      propose();
      // Asked again and again around the end of its lease: there a margin shows.
      for (let time = 0.94; time < 1.1; time += 0.01) timeline.after(time * leaseMs, () => node.check('k0#0'));
    };
    timeline.at(random.between(500, DURATION_MS - 2_000), () => {
      weather.ambush(node.machine.name, random.between(1.2, 1.6) * leaseMs, sprung);
    });
  }
}
