import { type Schedule } from '../scene';

/** SDK holders: h0 has k0 in its cache and a sub-lease of p0. */
export const HOLDER_SCHEDULES: readonly Schedule[] = [
  {
    without: 'ackBeforeHolders',
    story: 'The event is slow on the stream to h0. p0 has evicted, but may not acknowledge before h0 has.',
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 1_500);
      scene.route({ from: 'p0', to: 'h0', what: 'event' }, 600);
      scene.mutate(212, 'k0', { on: false });
    },
  },
  {
    without: 'absentUntold',
    story: 'h0 was told that nothing is found under a hash. A rotation gives it to k1: h0 holds nothing else of k1.',
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k1#1', 100, 1_500);
      scene.mutate(212, 'k1', { hash: 'k1#1' });
    },
  },
  {
    without: 'renewedUntold',
    story:
      'p0 needs not read what becomes of m0, since the change says it. h0 has m0 from p0, and must forget it all the same.',
    setting: { redis: true },
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 1_500);
      scene.mutate(212, 'm0', { on: false }, { withDelta: true });
    },
  },
  {
    without: 'flushKeepsHolders',
    story: 'p0 has missed an event and flushes. h0 must flush too, before p0 acknowledges.',
    setting: { parameters: { ringSize: 1 } },
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 1_500);
      scene.mutate(212, 'k0', { on: false });
      scene.mutate(220, 'r1', { on: false });
    },
  },
  {
    without: 'subLeaseUncapped',
    story: 'p0 is cut off from the store and renews for h0 shortly before its own lease ends.',
    setting: { until: 2_500 },
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 2_400);
      scene.cutOff('p0', 215);
      scene.mutate(220, 'k0', { on: false });
    },
  },
  {
    without: 'subLeaseFromReceipt',
    story: 'p0 is cut off; the sub-lease it grants is 700 ms under way. It counts from when h0 asked.',
    setting: { until: 2_500 },
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 2_400);
      scene.cutOff('p0', 215);
      scene.route({ from: 'p0', to: 'h0', what: 'lease', after: 790 }, 700);
      scene.mutate(220, 'k0', { on: false });
    },
  },
  {
    without: 'leaveWithoutWaiting',
    story: 'p0 leaves and removes its entry; the recall to h0 is slow, so h0 goes on under its sub-lease.',
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 1_500);
      scene.route({ from: 'p0', to: 'h0', what: 'leaving' }, 5_000);
      scene.route({ from: 'p0', to: 'h0', what: 'event' }, 5_000);
      scene.at(215, () => scene.simulation.replicas[0]?.leave());
      scene.mutate(250, 'k0', { on: false });
    },
  },
  {
    without: 'streamKeepsCache',
    story: 'h0 loses its stream and finds another replica; what happened in between, nobody has told it.',
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.at(200, () => scene.simulation.holders[0]?.cut(0, 0));
      scene.mutate(212, 'k0', { on: false });
      scene.at(1_400, () => scene.simulation.holders[0]?.connect(scene.simulation.replicas[1]!));
      scene.check('h0', 'k0#0', 1_420, 1_800);
    },
  },
  {
    without: 'reusedIncarnation',
    story: 'p0 crashes after the bump and joins again under its old id: that acknowledges for an h0 it has forgotten.',
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 1_500);
      scene.mutate(212, 'k0', { on: false });
      scene.at(217, () => scene.simulation.replicas[0]?.crash());
      scene.at(230, () => scene.simulation.replicas[0]?.restart());
    },
  },
  {
    without: 'noDriftMargin',
    story:
      "h0's clock and p0's are slow by 2 %, the writer's fast by 2 %: h0's sub-lease ends after L on the writer's.",
    setting: { replicas: [{ rate: 0.98 }, {}], holders: [{ rate: 0.98 }], writers: [{ rate: 1.02 }] },
    script: (scene) => {
      scene.hold(0, 0, 50);
      scene.check('h0', 'k0#0', 100, 1_500);
      scene.cutOff('p0', 233);
      scene.mutate(229, 'k0', { on: false });
    },
  },
];
