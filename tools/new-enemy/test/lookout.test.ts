import { type Question } from '../kind';
import { Lookout } from '../lookout';
import { type Answer, type Observer } from '../observer';

const ALLOWED: Answer = { answer: 'ALLOWED', decisionId: 'dec_1-1m', fromMemory: true };
const questions: Question[] = ['runs:create', 'runs:share', 'runs:delete'].map((permission) => ({
  key: 'k',
  permission,
}));

let lookout: Lookout | undefined;
afterEach(() => lookout?.stop());

function observer(limit: number, ask: Observer['ask']): Observer {
  return { name: `${limit} at a time`, limit, pauseMs: 0, ask };
}

function start(...observers: Observer[]): Lookout {
  lookout = new Lookout(observers);
  lookout.start();
  return lookout;
}

test('everything that is watched is asked about, by each observer in messages of its size', async () => {
  const asked = new Map<number, string[][]>([1, 2].map((limit) => [limit, []]));
  const observers = [1, 2].map((limit) =>
    observer(limit, (them) => {
      asked.get(limit)?.push(them.map(({ permission }) => permission));
      return new Promise((resolve) => setImmediate(() => resolve(them.map(() => ALLOWED))));
    }),
  );
  const sight = start(...observers).watch(questions);
  while ((asked.get(1)?.length ?? 0) < 6 || (asked.get(2)?.length ?? 0) < 6) await new Promise(setImmediate);
  await sight.end();
  // One at a time, another one in each round; where many fit, all of them in each.
  expect(new Set(asked.get(1)?.flat())).toEqual(new Set(['runs:create', 'runs:share', 'runs:delete']));
  expect(asked.get(1)?.every(({ length }) => length === 1)).toBe(true);
  expect(asked.get(2)?.slice(0, 2)).toEqual([['runs:create', 'runs:share'], ['runs:delete']]);
});

test('what is on its way when a race is over belongs to it, however late its answer', async () => {
  const late: (() => void)[] = [];
  const held = observer(10, (them) => new Promise((resolve) => late.push(() => resolve(them.map(() => ALLOWED)))));
  const sight = start(held).watch(questions);
  while (late.length === 0) await new Promise(setImmediate);
  let ended = false;
  const end = sight.end().then(() => (ended = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([ended, sight.checks.length]).toEqual([false, 0]);
  late.forEach((release) => release());
  await end;
  expect(sight.checks).toHaveLength(questions.length);
});

test('an observer that fails ends the run instead of looking away', async () => {
  const broken = observer(1, () => Promise.reject(new Error('blind')));
  const sight = start(broken).watch(questions);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await expect(sight.end()).rejects.toThrow('blind');
  expect(() => lookout?.watch(questions)).toThrow('blind');
});
