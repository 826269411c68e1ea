import { merge, type Report, summarize } from '../report';

const seeds: Report = {
  kind: 'seeds',
  switches: 1,
  seeds: 2,
  answers: 9,
  accepts: 5,
  unavailable: 1,
  acknowledged: 3,
  stale: 0,
  failed: [],
  schedule: [],
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

  it('prints the schedule of the first seed that failed, and how to replay each', () => {
    const failed = (...seed: number[]) => ({ ...seeds, failed: seed, schedule: [`what happened in ${seed[0]}`] });
    const { text } = summarize(merge([failed(8, 12), failed(3, 9), seeds, proof]), 6);
    expect(text.filter((line) => line.includes('FAILED'))).toEqual(
      [3, 8, 9, 12].map((seed) => `FAILED seed ${seed}; replay it: npm run sim -- --seed ${seed}`),
    );
    expect(text.filter((line) => line.includes('happened'))).toEqual(['what happened in 3']);
    expect(summarize(merge([failed(3), proof]), 2, 'noWait').text).toContain(
      'FAILED seed 3; replay it: npm run sim -- --seed 3 --without noWait',
    );
  });

  it('fails for a stale answer, an ingredient nobody misses, a seed that got stuck, and for what was not run', () => {
    expect(good(seeds, { ...seeds, stale: 1 }, proof)).toBe(false);
    expect(good(seeds, { ...seeds, failed: [7] }, proof)).toBe(false);
    expect(good(seeds, seeds, { ...proof, failures: ['no schedule of its own'] })).toBe(false);
    expect(good(seeds, proof)).toBe(false);
    expect(good(seeds, seeds)).toBe(false);
    expect(good(seeds, seeds, proof, proof)).toBe(false);
  });
});
