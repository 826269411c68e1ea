import { type SignedBroadcast, writerOf } from '../src/protocol';
import { type HolderNode } from './holder-node';
import { type Random } from './random';
import { type Simulation } from './simulation';

/** Crashes, sleeping machines, lying Redis, restored backups: some of each, in some seeds. */
export function scheduleFaults(simulation: Simulation, random: Random, duration: number, leaseMs: number): void {
  const { timeline, replicas, writers, holders } = simulation;
  const sometime = (probability: number, run: () => void) => {
    if (random.chance(probability)) timeline.at(random.between(200, duration), run);
  };
  for (const replica of replicas) {
    sometime(0.25, () => {
      replica.crash();
      timeline.after(random.between(0, 2_000), () => replica.restart());
    });
    sometime(0.2, () => {
      replica.leave();
      timeline.after(random.between(300, 3_000), () => replica.restart());
    });
  }
  for (const writer of writers) {
    sometime(0.3, () => {
      writer.crash();
      timeline.after(random.between(0, 1_000), () => writer.restart());
    });
  }
  for (const { machine } of [...replicas, ...writers, ...holders]) {
    const sleeps = random.chance(0.2);
    if (sleeps) sometime(1, () => machine.suspend(random.between(10, 2 * leaseMs)));
    sometime(0.15, () => machine.pause(random.between(10, 2 * leaseMs)));
    // Outside the model: a wall clock set back by as long as the machine slept hides that it did.
    sometime(0.1, () => machine.jumpWallClock(random.between(sleeps ? 0 : -3_000, 3_000)));
  }
  for (const holder of holders) keepConnected(simulation, random, holder, duration);
  if (random.chance(0.4)) lieOnRedis(simulation, random, duration);
  if (random.chance(0.1)) restoreOnce(simulation, random, duration);
}

function keepConnected({ timeline, replicas }: Simulation, random: Random, holder: HolderNode, duration: number): void {
  const again = () => {
    if (timeline.now > duration) return;
    if (!holder.isConnected) holder.connect(random.pick(replicas));
    else if (random.chance(0.03)) holder.cut(random.between(0, 600), random.between(0, 600));
    else if (random.chance(0.02)) holder.release();
    timeline.after(random.between(50, 200), again);
  };
  timeline.after(random.between(50, 300), again);
}

/** Repeats what was overheard, and makes up what nobody said. Without the key no MAC is right. */
function lieOnRedis({ timeline, environment }: Simulation, random: Random, duration: number): void {
  const { redis, epoch } = environment;
  const again = () => {
    if (timeline.now > duration) return;
    const { generation, ring, replicas } = epoch.document;
    const message = random.chance(0.5) ? redis.overheard.at(random.below(redis.overheard.length)) : undefined;
    const incarnation = Object.keys(replicas).at(random.below(4));
    if (message) redis.publish('liar', message);
    else if (incarnation) {
      const name = ring.at(-1)?.name ?? '';
      const body = { type: 'applied' as const, generation, incarnation, writer: writerOf(name), names: [name] };
      const forged: SignedBroadcast = { body, mac: 'forged' };
      redis.publish('liar', forged);
    }
    timeline.after(random.between(20, 300), again);
  };
  timeline.after(random.between(100, 500), again);
}

function restoreOnce(simulation: Simulation, random: Random, duration: number): void {
  const { timeline } = simulation;
  const at = random.between(500, duration - 500);
  timeline.at(at, () => {
    const backup = simulation.backup();
    timeline.after(random.between(10, 2_500), () => {
      // The longest lease in a deployment of mixed versions is a thing the operator knows.
      simulation.restore(backup, 'g2', random.between(0.98, 1.02));
    });
  });
}
