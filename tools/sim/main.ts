// `npm run sim -- --seeds N`: the protocol of libs/coherence under N seeds, and once without each of its safety ingredients.
//   --seeds N --without INGREDIENT     the N seeds without it: shows what a seed that fails prints
//   --seed N [--without INGREDIENT]    prints the whole schedule of one seed
//   --schedules [--without INGREDIENT] prints the hand-written schedules, as they break
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ended } from '../ended';
import { merge, type Report, summarize } from './report';

const ROOT = dirname(dirname(__dirname));
const DEFAULT_SEEDS = '2000';
/** Enough to see which ingredients chance alone finds; each has hand-written schedules besides. */
const ABLATION_SEEDS = '40';

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    seeds: { type: 'string', default: DEFAULT_SEEDS },
    'ablation-seeds': { type: 'string', default: ABLATION_SEEDS },
    seed: { type: 'string' },
    without: { type: 'string' },
    schedules: { type: 'boolean', default: false },
  },
});

/** Runs the simulator in a process of its own; resolves with its output and exit code. */
function simulate(passed: readonly string[], output: 'pipe' | 'inherit'): Promise<{ text: string; code: number }> {
  return new Promise((resolve, reject) => {
    const command = ['--import', 'tsx', join(ROOT, 'libs/coherence/sim/main.ts'), ...passed];
    const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', output, 'inherit'] });
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ text, code: code ?? 1 }));
  });
}

async function run(): Promise<number> {
  if (values.seed !== undefined || values.schedules) return (await simulate(args, 'inherit')).code;
  const shares = Math.min(4, availableParallelism());
  const counts = ['--seeds', values.seeds, '--ablation-seeds', values['ablation-seeds']];
  if (values.without !== undefined) counts.push('--without', values.without);
  const running = Array.from({ length: shares }, (_, share) =>
    simulate([...counts, '--share', `${share}/${shares}`], 'pipe'),
  );
  const ended = await Promise.all(running);
  if (ended.some(({ code }) => code !== 0)) return 1;
  const lines = ended.flatMap(({ text }) => text.split('\n').filter(Boolean));
  const report = merge(lines.map((line) => JSON.parse(line) as Report));
  const { text, verdict, good } = summarize(report, Number(values.seeds), values.without);
  for (const line of text) console.log(line);
  console.log(JSON.stringify(verdict));
  return good ? 0 : 1;
}

ended(run());
