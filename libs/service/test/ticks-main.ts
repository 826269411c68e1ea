// What V8 knows about the objects of process.nextTick after full collections, printed by V8 itself; --expose-gc and
// --allow-natives-syntax are needed. A process of its own, as services are: what other code has made V8 decide stays decided.
import { setTimeout as after } from 'node:timers/promises';
import { runInThisContext } from 'node:vm';
import { tuneV8 } from '@latchkey/service';

const TICKS = 1_000;
/** V8 keeps shapes that nothing has for a few collections. */
const COLLECTIONS = 10;

async function main(): Promise<void> {
  // As runMain does.
  tuneV8();
  const { gc: collect } = globalThis;
  if (collect === undefined) throw new Error('start with --expose-gc');
  await tickOften();
  for (let i = 0; i < COLLECTIONS; i++) {
    // No tick is under way then.
    await after(10);
    collect();
  }
  await tickOften();
  runInThisContext('%DebugPrint(process.nextTick)');
}

function tickOften(): Promise<void> {
  return new Promise((resolve) => {
    let left = TICKS;
    const next = (): void => {
      left -= 1;
      if (left > 0) process.nextTick(next);
      else resolve();
    };
    next();
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
