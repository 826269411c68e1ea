import { executionAsyncResource } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';

/** One of the objects that `process.nextTick` makes; see {@link keepShapeOfTicks}. */
let tick: object | undefined;

/**
 * To be called first in a process that serves.
 *
 * V8 makes objects among the old ones at once where those made by the same line of code have lasted, as all do that belong to calls which
 * wait while a server warms up. From then on every call leaves garbage among the old objects, which keeps that of later calls from
 * being collected early: a fifth of the CPU of a unary call, and a pause of 20 ms ten times a second (docs/benchmarks.md).
 *
 * It also drops compiled code that was not used between some full collections, as while a large cache is filled, and what it compiles
 * anew stays slower: a call over a million keys took a quarter more than one over ten thousand. Code takes a few megabytes.
 */
export function tuneV8(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--no-flush-bytecode');
  keepShapeOfTicks();
}

/**
 * Keeps one object of `process.nextTick` for good. Where there is none at the time of a full collection, V8 forgets the shapes that such
 * an object goes through as its properties are added, takes those that come after it for others, and from then on, until the process
 * ends, adds each property by a call of its runtime: some 2.5 µs of the CPU of a unary call, which has a dozen ticks (docs/adr/0010).
 */
function keepShapeOfTicks(): void {
  process.nextTick(() => (tick ??= executionAsyncResource()));
}
