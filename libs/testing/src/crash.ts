import { existsSync, readFileSync } from 'node:fs';

/**
 * A checkpoint for an app's crash program: once `armFile` exists, the process kills itself, as kill -9 would, at the step
 * whose number the file holds, the first step after arming being 1. Until then, steps pass.
 */
export function crashAt(armFile: string): (step: string) => Promise<void> {
  let steps = 0;
  return (step) => {
    if (!existsSync(armFile)) {
      steps = 0;
      return Promise.resolve();
    }
    steps += 1;
    if (steps === Number(readFileSync(armFile, 'utf8'))) {
      process.stderr.write(`crashing at step ${steps}: ${step}\n`);
      process.kill(process.pid, 'SIGKILL');
    }
    return Promise.resolve();
  };
}
