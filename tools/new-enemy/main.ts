// `npm run new-enemy -- --races N`: races mutations of every kind against checks, on real processes, and looks for a check that
// started after a mutation was acknowledged and does not see it.
//   --kind NAME        only this kind (repeatable); any part of its name
//   --fault FAULT      none, redis, stop, kill or database
//   --seconds N        begins no race after that time, once each kind has had one
//   --lanes, --checkers  how many races at a time, and how many ask each replica in each of them
//   --seed S           decides what is random here; when processes run is up to the machine
//   --without-barrier  mutations wait for nobody: every kind must show violations
import { parseArgs } from 'node:util';
import { FAULTS } from './faults';
import { KINDS } from './kinds';
import { summarize } from './report';
import { runNewEnemy } from './run';

const { values } = parseArgs({
  options: {
    races: { type: 'string', default: '2000' },
    kind: { type: 'string', multiple: true, default: [] },
    fault: { type: 'string', default: 'none' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '3' },
    checkers: { type: 'string', default: '2' },
    'without-barrier': { type: 'boolean', default: false },
  },
});

function atLeastOne(name: 'races' | 'seconds' | 'seed' | 'lanes' | 'checkers'): number {
  const number = Number(values[name]);
  if (!Number.isInteger(number) || number < 1) throw new RangeError(`--${name} must be a number from 1 on`);
  return number;
}

async function run(): Promise<number> {
  const kinds = KINDS.filter(({ name }) => values.kind.length === 0 || values.kind.some((part) => name.includes(part)));
  if (kinds.length === 0) throw new RangeError(`--kind: one of ${KINDS.map(({ name }) => name).join(', ')}`);
  const fault = FAULTS.find((name) => name === values.fault);
  if (fault === undefined) throw new RangeError(`--fault: one of ${FAULTS.join(', ')}`);
  const history = await runNewEnemy({
    races: atLeastOne('races'),
    limitMs: values.seconds === undefined ? undefined : atLeastOne('seconds') * 1_000,
    kinds,
    fault,
    seed: atLeastOne('seed'),
    withoutBarrier: values['without-barrier'],
    keyReplicas: 3,
    checkers: atLeastOne('checkers'),
    lanes: Math.min(atLeastOne('lanes'), kinds.length),
    log: (line) => console.log(line),
  });
  const { text, verdict, good } = summarize(history);
  for (const line of text) console.log(line);
  console.log(JSON.stringify(verdict));
  return good ? 0 : 1;
}

run().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
