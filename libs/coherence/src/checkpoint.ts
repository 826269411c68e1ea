/**
 * Called between the steps of a mutation and of the relay, and waited for. Production passes none; the crash tests end
 * or hold the process there.
 */
export type Checkpoint = (step: string) => Promise<void>;

export const noCheckpoint: Checkpoint = () => Promise.resolve();
