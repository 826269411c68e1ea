import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Bench } from './bench';
import { type RowResult } from './row';
import { PEERS } from './rows/peers';

const FILE = 'docs/benchmarks.md';
const GIB = 2 ** 30;

/** Puts what was measured between its marks; what other runs put between theirs stays. */
export function writeDocument(bench: Bench, results: ReadonlyMap<string, RowResult>): void {
  const path = join(bench.root, FILE);
  let text = readFileSync(path, 'utf8');
  for (const [name, result] of results)
    text = between(text, name, name === 'peers' ? peerTable() : section(bench, name, result));
  writeFileSync(path, text);
}

function section(bench: Bench, name: string, { lines, notes = [] }: RowResult): string {
  const rows = lines.map(
    ({ figure, measured, reach = '', good }) =>
      `| ${figure} | ${measured} | ${reach}${good === undefined ? '' : good ? ' ✓' : ' **falls short**'} |`,
  );
  return [
    ['| figure | measured | to reach |', '|---|---|---|', ...rows].join('\n'),
    ...notes,
    `\`npm run bench -- ${name}\`, ${new Date().toISOString().slice(0, 10)}, ${versions(bench)}.`,
  ].join('\n\n');
}

function peerTable(): string {
  const rows = PEERS.map(({ name, micros, stale, does }) => `| ${name} | ${micros} | ${stale} | ${does} |`);
  const head = [
    '| server | µs of server CPU a check | stale yes after a revocation was acknowledged | does |',
    '|---|---|---|---|',
  ];
  return [...head, ...rows].join('\n');
}

function versions({ root }: Bench): string {
  const installed = (name: string): string => {
    const { version } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as {
      version: string;
    };
    return version;
  };
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'an unknown processor'}, ${Math.round(totalmem() / GIB)} GiB`;
  return `commit ${commit}, ${machine}, Node ${process.versions.node}, grpc-js ${installed('@grpc/grpc-js')}`;
}

function between(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${FILE} has no place for ${name}: ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}
