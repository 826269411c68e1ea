import { restoreEpoch } from '@latchkey/coherence';
import { masked } from '@latchkey/service';
import { RESTORE_USAGE, restoreOptions } from './restore-command';

const say = (line: string): void => void process.stdout.write(`${masked(line)}\n`);

async function main([command, ...args]: readonly string[]): Promise<void> {
  if (command === '--help' || args.includes('--help')) return say(RESTORE_USAGE);
  if (command !== 'restore') throw new Error(`there is no command ${command ?? ''}; there is: ${RESTORE_USAGE}`);
  await restoreEpoch({ ...restoreOptions(args, process.env), say });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`latchkey: ${masked(error instanceof Error ? error.message : String(error))}\n`);
  process.exitCode = 1;
});
