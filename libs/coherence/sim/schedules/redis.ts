import { nameOfChange } from '../../src/protocol/naming';
import { type Schedule } from '../scene';
import { type DatabaseBackup } from '../simulation';

/** Redis may lose, repeat and lie; an acknowledgement over it says what it says and no more. */
export const REDIS_SCHEDULES: readonly Schedule[] = [
  {
    without: 'ackForEarlier',
    story:
      'p0 hears of the second change and not of the first, which deletes k0. Its acknowledgement of one says nothing about the other.',
    setting: { redis: true },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 400);
      scene.route({ from: 'w0', to: 'p0', what: 'events', times: 1 }, 'lost');
      scene.mutate(212, 'k0', { on: false });
      scene.mutate(220, 'r1', { on: false });
    },
  },
  {
    without: 'redisAdvancesApplied',
    story:
      'p0 hears of the second change and not of the first. Did that count as the prefix it has applied, its poll would skip one.',
    setting: { redis: true },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 800);
      scene.route({ from: 'w0', to: 'p0', what: 'events', times: 1 }, 'lost');
      scene.mutate(212, 'k0', { on: false });
      scene.mutate(220, 'r1', { on: false });
    },
  },
  {
    without: 'renewsAnyVersion',
    story:
      'm0 is let in and thrown out again. What the first change makes of it comes to p0 after the second has been acknowledged: it ' +
      'must not be made of what p0 holds by then.',
    setting: { redis: true },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 400);
      scene.mutate(112, 'm0', { on: false });
      scene.route({ from: 'w0', to: 'p0', what: 'events', after: 200, times: 1 }, 60);
      scene.mutate(212, 'm0', { on: true }, { withDelta: true });
      scene.mutate(220, 'm0', { on: false }, { withDelta: true });
    },
  },
  {
    without: 'deltaOutlivesRestore',
    story:
      'm0 is let in, which a restore loses before the writer hears that it has committed. p0 has read the restored m0, whose ' +
      'number is that of before: what the lost change made of another m0 must not be made of this one.',
    setting: { redis: true, until: 4_000 },
    script: (scene) => {
      const backups: DatabaseBackup[] = [];
      scene.mutate(100, 'm0', { on: false });
      scene.at(300, () => backups.push(scene.simulation.backup()));
      scene.route({ to: 'w1', what: 'commit', leg: 'answer' }, 2_500);
      scene.mutate(400, 'm0', { on: true }, { writer: 1, withDelta: true });
      scene.at(500, () => backups.forEach((backup) => scene.simulation.restore(backup, 'g2', 1)));
      scene.check('p0', 'k0#0', 2_000, 3_500);
    },
  },
  {
    without: 'forgedAck',
    story:
      'Somebody on Redis says in the name of p0 that it has applied the change. Without the key of the epoch it is noise.',
    setting: { redis: true },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 400);
      scene.route({ to: 'p0', what: 'events' }, 'lost');
      scene.mutate(212, 'k0', { on: false });
      scene.at(220, () => {
        const incarnation = scene.simulation.replicas[0]?.replica.incarnation ?? '';
        const writer = 'w0.1';
        const names = [nameOfChange(writer, 1)];
        const body = { type: 'applied' as const, generation: 'g1', incarnation, writer, names };
        scene.simulation.environment.redis.publish('liar', { body, mac: 'forged' });
      });
    },
  },
];
