import { type Schedule } from '../scene';

/** Leases, waits, and who is listed. In all of them p0 has cached k0 and k0 is then deleted. */
export const LEASE_SCHEDULES: readonly Schedule[] = [
  {
    without: 'noWait',
    story: 'The bump has returned, p0 has not polled yet: the mutation must not be answered before p0 has forgotten.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 400);
      scene.mutate(212, 'k0', { on: false });
    },
  },
  {
    without: 'noLease',
    story: 'p0 is cut off from the store. The writer waits its lease out; p0 must stop answering by then.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.cutOff('p0', 215);
      scene.mutate(220, 'k0', { on: false });
    },
  },
  {
    without: 'leaseFromResponse',
    story: 'A poll executes before the bump, its answer takes 900 ms. What it proves is as old as its send.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 2_000);
      scene.route({ to: 'p0', what: 'poll', leg: 'answer', after: 205, times: 1 }, 900);
      scene.route({ from: 'p0', what: 'poll', leg: 'request', after: 215 }, 'lost');
      scene.mutate(212, 'k0', { on: false });
    },
  },
  {
    without: 'waitFromSend',
    story:
      'The bump is 200 ms under way, and p0 polls just before it executes. Its lease began long after the bump was sent.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.route({ from: 'w0', what: 'bump', leg: 'request' }, 200);
      scene.cutOff('p0', 413);
      scene.mutate(211, 'k0', { on: false });
    },
  },
  {
    without: 'noDriftMargin',
    story: "p0's clock is slow by 2 %, the writer's fast by 2 %: L on the one is over before L on the other.",
    setting: { replicas: [{ rate: 0.98 }, {}], writers: [{ rate: 1.02 }] },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.cutOff('p0', 233);
      scene.mutate(229, 'k0', { on: false });
    },
  },
  {
    without: 'mixedLeases',
    story: 'p0 joined with a lease of 2 s, the writer is configured with 1 s: it is the listed one that counts.',
    setting: { replicas: [{ leaseMs: 2_000 }, {}], until: 2_800 },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 2_700);
      scene.cutOff('p0', 215);
      scene.mutate(250, 'k0', { on: false });
    },
  },
  {
    without: 'sharedIncarnation',
    story: 'p0 and p1 join under one id; p0 is cut off, and p1 acknowledges in its name.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.cutOff('p0', 215);
      scene.mutate(220, 'k0', { on: false });
    },
  },
  {
    without: 'reusedWriter',
    story:
      'w0 deletes m1, crashes, and calls its next change by the same name: p0 takes it for what it has applied already.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.mutate(120, 'm1', { on: false });
      scene.at(300, () => scene.simulation.writers[0]?.crash());
      scene.at(320, () => scene.simulation.writers[0]?.restart());
      scene.mutate(412, 'k0', { on: false });
    },
  },
  {
    without: 'leaveWithoutWaiting',
    story: 'p0 removes its entry while it still answers: the next bump does not list it.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.at(215, () => scene.simulation.replicas[0]?.leave());
      scene.mutate(250, 'k0', { on: false });
    },
  },
  {
    without: 'pruneTooEarly',
    story: 'p0 is cut off, p1 prunes it after one poll interval: the next bump does not list it, its lease goes on.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.cutOff('p0', 215);
      scene.mutate(600, 'k0', { on: false });
    },
  },
  {
    without: 'pruneWithoutCompare',
    story:
      'p1 has seen p0 stand still for long enough; its order to remove it is slow, and p0 polls before it arrives.',
    setting: { until: 3_000 },
    script: (scene) => {
      scene.cutOff('p0', 215, 1_315);
      scene.route({ from: 'p1', what: 'prune', leg: 'request' }, 400);
      scene.check('p0', 'k0#0', 1_600, 2_900);
      scene.cutOff('p0', 1_665);
      scene.mutate(1_750, 'k0', { on: false });
    },
  },
  {
    without: 'replayWithoutBarrier',
    story: 'The commit landed, its answer was lost. The repeat finds it done, but no bump has told anybody.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.route({ to: 'w0', what: 'commit', leg: 'answer' }, 'lost');
      const made = scene.mutate(212, 'k0', { on: false });
      scene.at(240, () => made.mutation && scene.simulation.writers[1]?.mutate(made.mutation));
    },
  },
  {
    without: 'splitGroup',
    story:
      'Two mutations share a bump that counts as one: the number of the first is taken, and p0 has applied it already.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.route({ to: 'w0', what: 'bump', leg: 'answer', times: 1 }, 200);
      scene.mutate(150, 'm1', { on: false });
      scene.mutate(220, 'k0', { on: false });
      scene.mutate(220, 'r1', { on: false });
    },
  },
  {
    without: 'gapIgnored',
    story: 'The ring holds one event, two happen between polls: what has fallen out must be flushed for.',
    setting: { parameters: { ringSize: 1 } },
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.mutate(212, 'k0', { on: false });
      scene.mutate(220, 'r1', { on: false });
    },
  },
  {
    without: 'unknownKindIgnored',
    story: 'A newer writer revokes by an event of a kind that p0 does not know: it may concern anything p0 has cached.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 1_500);
      scene.mutate(212, 'r0', { on: false }, { as: { kind: 'policy', id: 'p', hashes: [] } });
    },
  },
];
