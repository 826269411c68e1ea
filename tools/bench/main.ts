// `npm run bench -- [row …]`: what Latchkey costs, measured beside what it is compared with. Without names: every row that is
// not long. Ends with one line of JSON, and exit code 1 when a figure falls short.
//   --short   some seconds, ratios only
//   --write   writes docs/benchmarks.md and its picture, which is drawn in .cache/ otherwise
//   --list    the rows
//   --profile DIR   servers leave CPU profiles there, and where their time went is printed
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ended } from '../ended';
import { Bench } from './bench';
import { writeDocument } from './document';
import { measuredNode } from './measured-node';
import { type Cost, packageTimes, selfTimes } from './profile';
import { type RowResult } from './row';
import { ROWS } from './rows';
import { verdictOf } from './verdict';

const log = (line: string): void => console.log(line);

/** Everything measured is a child of the process that measures, so that is what has to run on the right Node. */
function onMeasuredNode(): number | undefined {
  const node = measuredNode(log);
  if (node === process.execPath) return undefined;
  const again = spawnSync(node, ['--import', 'tsx', __filename, ...process.argv.slice(2)], { stdio: 'inherit' });
  return again.status ?? 1;
}

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      short: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      profile: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  });
  if (values.list) {
    for (const { name, about, long } of ROWS) log(`${name.padEnd(12)}${about}${long ? ' (long: only by name)' : ''}`);
    return 0;
  }
  const names = ROWS.map(({ name }) => name);
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new RangeError(`no row ${unknown.join(', ')}; there are ${names.join(', ')}`);
  const rows = ROWS.filter(({ name, long, short }) =>
    positionals.length > 0 ? positionals.includes(name) : values.short ? short : !long,
  );
  const again = onMeasuredNode();
  if (again !== undefined) return again;

  const bench = new Bench(values.short, log, values.profile, values.write);
  const results = new Map<string, RowResult>();
  const started = performance.now();
  try {
    for (const row of rows) {
      log(`${row.name}: ${row.about}`);
      const result = await row.run(bench);
      results.set(row.name, result);
      for (const line of result.lines) {
        const verdict = line.good === undefined ? '' : line.good ? ' ok' : ' SHORT';
        log(
          `  ${line.figure}: ${line.measured}${line.reach === undefined ? '' : `, to reach ${line.reach}:${verdict}`}`,
        );
      }
    }
  } finally {
    // Also when a later row has failed: some take minutes.
    if (values.write) writeDocument(bench, results);
    await bench.close();
  }
  if (values.profile !== undefined) for (const line of profiles(values.profile)) log(line);
  const { json, code } = verdictOf([...results.values()], Math.round((performance.now() - started) / 1_000));
  log(json);
  return code;
}

const SHOWN = 60;

function profiles(dir: string): string[] {
  const lines = (costs: readonly Cost[]): string[] =>
    costs.slice(0, SHOWN).map(({ name, share }) => `  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`);
  return readdirSync(dir).flatMap((program) => {
    const own = join(dir, program);
    return [`${program}, by package`, ...lines(packageTimes(own)), `${program}, by function`, ...lines(selfTimes(own))];
  });
}

ended(run());
