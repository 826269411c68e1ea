import { merge, type Report, summarize } from '../report';

const seeds: Report = {
  kind: 'seeds',
  seeds: 2,
  answers: 9,
  accepts: 5,
  unavailable: 1,
  acknowledged: 3,
  stale: 0,
  failed: [],
};
const proof: Report = {
  kind: 'proof',
  without: 'noWait',
  caughtBy: 1,
  failures: [],
  seedsCaught: 1,
  seedsTried: 2,
};
const good = (...reports: Report[]) => summarize(merge(reports), 4).good;

describe('a simulation run', () => {
  it('says what was run and that all is well', () => {
    const { verdict } = summarize(merge([seeds, seeds, proof]), 4);
    expect(verdict).toEqual({ seeds: 4, accepts: 10, staleAccepts: 0, ablations: 1, ablationsMissed: [] });
    expect(good(seeds, seeds, proof)).toBe(true);
  });

  it('fails for a stale answer, an ingredient nobody misses, a seed that got stuck, and for what was not run', () => {
    expect(good(seeds, { ...seeds, stale: 1 }, proof)).toBe(false);
    expect(good(seeds, { ...seeds, failed: [7] }, proof)).toBe(false);
    expect(good(seeds, seeds, { ...proof, failures: ['no schedule of its own'] })).toBe(false);
    expect(good(seeds, proof)).toBe(false);
    expect(good(seeds, seeds)).toBe(false);
  });
});
