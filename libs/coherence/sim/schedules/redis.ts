import { type Schedule } from '../scene';

/** Redis may lose, repeat and lie; an acknowledgement over it says what it says and no more. */
export const REDIS_SCHEDULES: readonly Schedule[] = [
  {
    without: 'ackForEarlier',
    story: 'p0 hears of event 2 and not of event 1, which deletes k0. Its acknowledgement of 2 says nothing about 1.',
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
    story: 'p0 hears of event 2 and not of event 1. Were 2 the prefix it has applied, its poll would skip 1.',
    setting: { redis: true },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 800);
      scene.route({ from: 'w0', to: 'p0', what: 'events', times: 1 }, 'lost');
      scene.mutate(212, 'k0', { on: false });
      scene.mutate(220, 'r1', { on: false });
    },
  },
  {
    without: 'forgedAck',
    story:
      'Somebody on Redis says in the name of p0 that it has applied event 1. Without the key of the epoch it is noise.',
    setting: { redis: true },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 400);
      scene.route({ to: 'p0', what: 'events' }, 'lost');
      scene.mutate(212, 'k0', { on: false });
      scene.at(220, () => {
        const incarnation = scene.simulation.replicas[0]?.replica.incarnation ?? '';
        const body = { type: 'applied' as const, generation: 'g1', incarnation, numbers: [1] };
        scene.simulation.environment.redis.publish('liar', { body, mac: 'forged' });
      });
    },
  },
];
