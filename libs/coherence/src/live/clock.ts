import { type Clock } from '../protocol';

/** This machine's two clocks, read at one moment. */
export const systemClock = (): Clock => ({ mono: performance.now(), wall: Date.now() });
