import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { eventually, repositoryRoot } from '../src';
import { scratchFolder } from './scratch';

const dir = scratchFolder();

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('no-orphans: what a supervisor started ends when the supervisor is killed, in reverse order', async () => {
  const script = join(dir, 'supervisor.ts');
  writeFileSync(
    script,
    `import { startChild } from ${JSON.stringify(join(repositoryRoot, 'libs/testing/src/child'))};
     const start = (name: string) =>
       startChild({ name, command: process.execPath, args: ['-e', 'setInterval(() => 0, 1000)'], logFile: ${JSON.stringify(join(dir, 'child.log'))} });
     void (async () => console.log((await start('a')).pid, (await start('b')).pid))();`,
  );
  const supervisor = spawn(process.execPath, ['--import', 'tsx', script], {
    cwd: repositoryRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: supervisor.stdout }), 'line')) as [string];
  const pids = line.split(' ').map(Number);
  expect(pids.map(isAlive)).toEqual([true, true]);
  supervisor.kill('SIGKILL');
  await eventually(() => expect(pids.map(isAlive)).toEqual([false, false]));
});
