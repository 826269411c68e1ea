import { type Schedule } from '../scene';

/** Facts under way while what they say is changed. */
export const FILL_SCHEDULES: readonly Schedule[] = [
  {
    without: 'staleFill',
    story: 'A secondary that lags 500 ms fills the cache of p0 after the acknowledgement.',
    setting: { factLag: 500 },
    script: (scene) => {
      scene.mutate(212, 'k0', { on: false });
      scene.check('p0', 'k0#0', 520, 700);
    },
  },
  {
    without: 'noFillGuard',
    story: 'The facts were read before the commit, their answer comes after p0 has evicted and acknowledged.',
    script: (scene) => {
      scene.route({ to: 'p0', what: 'facts', leg: 'answer', after: 200, until: 209 }, 300);
      scene.check('p0', 'k0#0', 205);
      scene.mutate(210, 'k0', { on: false });
      scene.check('p0', 'k0#0', 515, 800);
    },
  },
  {
    without: 'guardByIdOnly',
    story: 'A hash is looked up and unknown; meanwhile a rotation gives it to k1. No id has been read, only the hash.',
    script: (scene) => {
      scene.route({ to: 'p0', what: 'facts', leg: 'answer', after: 200, until: 209 }, 300);
      scene.check('p0', 'k1#1', 205);
      scene.mutate(210, 'k1', { hash: 'k1#1' });
      scene.check('p0', 'k1#1', 515, 800);
    },
  },
  {
    without: 'deadLinks',
    story: 'k0 leads to m0, which is forgotten: the way to it must not be.',
    script: (scene) => {
      scene.check('p0', 'k0#0', 50, 900);
      scene.mutate(212, 'm0', { on: false });
    },
  },
  {
    without: 'noRestart',
    story:
      'A check has looked up k0 and waits for m0. k0 is deleted and acknowledged, then m0 is changed: the check must not ' +
      'decide from the old key and the new member, which were never true together.',
    script: (scene) => {
      scene.route({ from: 'p0', what: 'facts', leg: 'request', after: 100, skip: 1, times: 1 }, 400);
      scene.route({ to: 'p0', what: 'poll', leg: 'answer', after: 405, times: 1 }, 300);
      scene.check('p0', 'k0#0', 100);
      scene.mutate(112, 'k0', { on: false });
      scene.mutate(420, 'm0', { on: true });
    },
  },
  {
    without: 'droppedFillAnswers',
    story:
      'A check that starts after the acknowledgement joins a fill that began before it, and which is then dropped.',
    script: (scene) => {
      scene.route({ to: 'p0', what: 'facts', leg: 'answer', after: 200, until: 209 }, 300);
      scene.check('p0', 'k0#0', 205);
      scene.mutate(210, 'k0', { on: false });
      scene.check('p0', 'k0#0', 480, 500);
    },
  },
  {
    without: 'joinKeepsFills',
    story:
      'p0 is cut off and starts a fill just before its lease ends. It is pruned, a mutation passes without it, it joins ' +
      'again and learns of no event; then the answer of the fill arrives.',
    script: (scene) => {
      scene.cutOff('p0', 215, 1_204);
      scene.route({ from: 'p0', what: 'poll', after: 1_204, until: 1_350 }, 'lost');
      scene.route({ to: 'p0', what: 'facts', leg: 'answer', after: 1_204, until: 1_209 }, 464);
      scene.check('p0', 'k0#0', 1_205);
      scene.mutate(1_400, 'k0', { on: false });
      scene.check('p0', 'k0#0', 1_675, 1_900);
    },
  },
  {
    without: 'flushKeepsFills',
    story: 'The event that names what a fill reads has fallen out of the ring: the flush stands for it.',
    setting: { parameters: { ringSize: 1 } },
    script: (scene) => {
      scene.route({ to: 'p0', what: 'facts', leg: 'answer', after: 200, until: 209 }, 300);
      scene.check('p0', 'k0#0', 205);
      scene.mutate(212, 'k0', { on: false });
      scene.mutate(220, 'r1', { on: false });
      scene.check('p0', 'k0#0', 515, 800);
    },
  },
  {
    without: 'bumpBeforeState',
    story:
      'The event is bumped and acknowledged before the commit: p0 fills again with the old state, and nothing evicts it.',
    script: (scene) => {
      scene.route({ from: 'w0', what: 'commit', leg: 'request' }, 500);
      scene.mutate(212, 'k0', { on: false });
      scene.check('p0', 'k0#0', 500, 900);
    },
  },
];
