import { play, prove, runSeed, Scene, SCHEDULES, SWITCHES } from '../../sim';

const SEEDS = 300;

describe('under random schedules', () => {
  const results = Array.from({ length: SEEDS }, (_, i) => ({ seed: i + 1, ...runSeed(i + 1) }));

  it('no answer is older than what was acknowledged when its check began', () => {
    const failed = results.filter(({ violations }) => violations.length > 0);
    expect(failed.map(({ seed, violations }) => ({ seed, first: violations[0] }))).toEqual([]);
  });

  it('everybody who lives serves again, and every mutation is answered, once the faults are over', () => {
    expect(results.filter(({ stuck }) => stuck.length > 0).map(({ seed, stuck }) => ({ seed, stuck }))).toEqual([]);
  });

  it('is not true by looking away: checks are accepted and mutations acknowledged all the time', () => {
    const sum = (of: 'accepts' | 'answers' | 'acknowledged') =>
      results.reduce((total, result) => total + result[of], 0);
    expect(sum('answers')).toBeGreaterThan(SEEDS * 200);
    expect(sum('accepts')).toBeGreaterThan(SEEDS * 50);
    expect(sum('acknowledged')).toBeGreaterThan(SEEDS * 10);
  });

  it('a seed is one schedule: it can be replayed', () => {
    const [first, second] = [runSeed(7, { noWait: true }, true), runSeed(7, { noWait: true }, true)];
    expect(first.violations.length).toBeGreaterThan(0);
    expect(second.lines).toEqual(first.lines);
  });
});

describe('without one of its ingredients', () => {
  it.each(SWITCHES)('%s: its own schedules break, and hold with it', (without) => {
    const { caughtBy, failures } = prove(without, 0);
    expect(failures).toEqual([]);
    expect(caughtBy).toBeGreaterThan(0);
  });

  // Those that chance finds at once. If one of these numbers falls to 0, the random schedules have lost their bite.
  it.each([
    'noWait',
    'noLease',
    'staleFill',
    'noFillGuard',
    'deadLinks',
    'renewsAnyVersion',
    'renewedUntold',
    'flushKeepsFills',
    'flushKeepsHolders',
    'gapIgnored',
    'bumpBeforeState',
    'replayWithoutBarrier',
    'sharedIncarnation',
    'splitGroup',
    'pruneTooEarly',
    'ackBeforeHolders',
    'localTime',
  ] as const)('%s: random schedules find it too', (without) => {
    const seeds = Array.from({ length: 30 }, (_, i) => i + 1);
    expect(seeds.some((seed) => runSeed(seed, { [without]: true }).violations.length > 0)).toBe(true);
  });

  it('every schedule is deterministic', () => {
    for (const schedule of SCHEDULES) expect(play(schedule, true, true)).toEqual(play(schedule, true, true));
  });
});

describe('an epoch document that comes back from an old backup', () => {
  const scene = () => {
    const staged = new Scene({ until: 2_500 }, {}, false);
    const { epoch } = staged.simulation.environment;
    staged.at(95, () => {
      const backup = epoch.document;
      staged.at(600, () => epoch.overwrite(backup));
    });
    staged.mutate(100, 'm1', { on: false });
    return staged;
  };

  it('is not trusted: every replica flushes and refuses, no mutation is acknowledged', () => {
    const staged = scene();
    const made = staged.mutate(700, 'k0', { on: false });
    const states: string[] = [];
    staged.check('p0', 'k0#0', 1_000, 2_000);
    staged.at(2_400, () => states.push(...staged.simulation.replicas.map(({ replica }) => replica.state)));
    const { answers, unavailable } = staged.run();
    expect(states).toEqual(['OUTSIDE', 'OUTSIDE']);
    expect(answers).toBe(0);
    expect(unavailable).toBeGreaterThan(100);
    expect(made.mutation?.acknowledged).toBe(false);
  });

  it('is not bumped by a writer that made none of the mutations it has lost', () => {
    const staged = scene();
    const made = staged.mutate(700, 'k0', { on: false }, { writer: 1 });
    staged.run();
    expect(made.mutation?.acknowledged).toBe(false);
    expect(staged.simulation.environment.epoch.document.seq).toBe(0);
  });

  it('serves again in a new generation, without a restart of anybody, and mutations pass once it is thawed', () => {
    const staged = scene();
    const made = staged.mutate(700, 'k0', { on: false });
    staged.at(800, () => staged.simulation.restore(staged.simulation.backup(), 'g2', 1));
    staged.check('p0', 'k1#0', 1_000, 1_800);
    const acknowledged: boolean[] = [];
    for (const time of [800 + 1_050, 2_400])
      staged.at(time, () => acknowledged.push(made.mutation?.acknowledged === true));
    const { answers, violations } = staged.run();
    expect(answers).toBeGreaterThan(100);
    expect(violations).toEqual([]);
    expect(acknowledged).toEqual([false, true]);
  });
});

describe('what the protocol costs', () => {
  it('a mutation during a partition of one replica takes L·(1+3ρ) and not longer', () => {
    const staged = new Scene({}, {}, false);
    staged.cutOff('p0', 215);
    const made = staged.mutate(220, 'k0', { on: false });
    const acknowledged: boolean[] = [];
    for (const time of [220 + 1_050, 220 + 1_090]) {
      staged.at(time, () => acknowledged.push(made.mutation?.acknowledged === true));
    }
    staged.run();
    expect(acknowledged).toEqual([false, true]);
  });

  it('with Redis, a mutation is acknowledged within a few message times, without it within three polls', () => {
    for (const [redis, within] of [
      [true, 15],
      [false, 300],
    ] as const) {
      const staged = new Scene({ redis }, {}, false);
      staged.hold(0, 0, 50);
      const made = staged.mutate(312, 'k0', { on: false });
      let acknowledged = false;
      staged.at(312 + within, () => (acknowledged = made.mutation?.acknowledged === true));
      staged.run();
      expect(acknowledged).toBe(true);
    }
  });

  it('an SDK holder that does not acknowledge slows one mutation, and gets no sub-lease for a minute', () => {
    const staged = new Scene({ redis: true, until: 6_000 }, {}, false);
    staged.hold(0, 0, 50);
    staged.route({ from: 'h0', what: 'acknowledge' }, 10_000);
    const first = staged.mutate(212, 'k0', { on: false });
    const second = staged.mutate(3_000, 'r1', { on: false });
    const seen: (boolean | undefined)[] = [];
    staged.at(260, () => seen.push(first.mutation?.acknowledged));
    staged.at(1_600, () => seen.push(first.mutation?.acknowledged));
    staged.at(3_050, () => seen.push(second.mutation?.acknowledged));
    staged.check('h0', 'k1#0', 4_000, 5_000);
    const { answers } = staged.run();
    expect(seen).toEqual([false, true, true]);
    expect(answers).toBe(1);
  });
});
