import { type Schedule } from '../scene';

/** Sleeping machines, wrong clocks, and documents that come back from the past. */
export const TIME_SCHEDULES: readonly Schedule[] = [
  {
    without: 'noSuspendGuard',
    story:
      'p0 sleeps 1.5 s right after a poll; its monotonic clock stands still, so its lease seems fresh when it wakes up.',
    setting: { until: 2_200 },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 2_100);
      scene.at(215, () => scene.simulation.replicas[0]?.machine.suspend(1_500));
      scene.mutate(250, 'k0', { on: false });
    },
  },
  {
    without: 'noSuspendGuard',
    story: 'The laptop of h0 sleeps 1.5 s under a sub-lease.',
    setting: { until: 2_200 },
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 2_100);
      scene.at(215, () => scene.simulation.holders[0]?.machine.suspend(1_500));
      scene.mutate(250, 'k0', { on: false });
      scene.route({ from: 'p0', to: 'h0', after: 230 }, 1_900);
    },
  },
  {
    without: 'localTime',
    story: 'k0 expires, by the clock of the database; the wall clock of p0 is 3 s behind.',
    setting: { replicas: [{ wallOffset: -3_000 }, {}], key: { expires: 600 } },
    script: (scene) => scene.check('p0', 'k0#0', 50, 1_500),
  },
  {
    without: 'trustOldBackup',
    story:
      'The epoch document is overwritten by an older one. The next bump reuses a number that p0 has applied already, for ' +
      'another event: a document that goes backwards must not be believed, until a restore begins a new generation.',
    setting: { until: 2_500 },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      const { epoch } = scene.simulation.environment;
      scene.at(95, () => {
        const backup = epoch.document;
        scene.at(600, () => epoch.overwrite(backup));
      });
      scene.at(1_000, () => scene.simulation.restore(scene.simulation.backup(), 'g2', 1));
      scene.mutate(100, 'm1', { on: false });
      scene.mutate(620, 'k0', { on: false }, { writer: 1 });
    },
  },
  {
    without: 'restoreWithoutFreeze',
    story:
      'p0 is cut off while a restore begins a new generation without it: no bump may pass before its lease is over.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_900);
      scene.cutOff('p0', 215);
      scene.at(230, () => scene.simulation.restore(scene.simulation.backup(), 'g2', 1));
      scene.mutate(400, 'k0', { on: false });
    },
  },
];
