import { type Scene, type Schedule } from '../scene';

/** p1 joins only at 251, caches k0, hears nothing of changes over Redis, and its polls are slow from then on. */
function late(scene: Scene): void {
  scene.cutOff('p1', 0, 215);
  scene.route({ to: 'p1', what: 'events' }, 'lost');
  scene.route({ from: 'p1', what: 'poll', after: 260 }, 400);
  scene.check('p1', 'k0#0', 255, 600);
}

/** What lets a mutation pass before its bump: everybody who was listed after its commit says that it has forgotten. */
export const LIST_SCHEDULES: readonly Schedule[] = [
  {
    without: 'listBeforeCommit',
    story:
      'The list that the change of m1 has asked for was read before p1 joined. k0 is deleted while its answer is under way: it says ' +
      'nothing of who was there after that commit.',
    setting: { redis: true },
    script: (scene) => {
      late(scene);
      scene.route({ to: 'w0', what: 'list', leg: 'answer', times: 1 }, 100);
      scene.mutate(240, 'm1', { on: false });
      scene.mutate(300, 'k0', { on: false });
    },
  },
  {
    without: 'staleList',
    story: 'A secondary that lags does not list p1 yet.',
    setting: { redis: true },
    script: (scene) => {
      late(scene);
      scene.mutate(300, 'k0', { on: false });
    },
  },
  {
    without: 'listWaitsOut',
    story:
      'p0 is listed and hears nothing over Redis; the bump is slow. Until it has executed, p0 renews its lease with polls that know nothing of the change.',
    setting: { until: 3_000 },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_900);
      scene.route({ what: 'bump', leg: 'request', until: 1_400 }, 'lost');
      scene.mutate(212, 'k0', { on: false });
    },
  },
  {
    without: 'frozenList',
    story: 'p0 is cut off while a restore begins a new generation without it: that it is not listed means nothing yet.',
    setting: { redis: true, replicas: [{}] },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_900);
      scene.cutOff('p0', 215);
      scene.route({ to: 'p0', what: 'events' }, 'lost');
      scene.at(230, () => scene.simulation.restore(scene.simulation.backup(), 'g2', 1));
      scene.mutate(400, 'k0', { on: false });
    },
  },
  {
    without: 'trustOldBackup',
    story: 'The epoch document is overwritten by one from before p0 joined. That it is not listed there means nothing.',
    setting: { redis: true, replicas: [{}], until: 2_500 },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      const { epoch } = scene.simulation.environment;
      const backup = epoch.document;
      scene.route({ to: 'p0', what: 'events' }, 'lost');
      scene.mutate(100, 'm1', { on: false });
      scene.at(612, () => epoch.overwrite(backup));
      scene.at(1_000, () => scene.simulation.restore(scene.simulation.backup(), 'g2', 1));
      scene.mutate(620, 'k0', { on: false });
    },
  },
];
