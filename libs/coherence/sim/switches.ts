import { type Ablations } from '../src/protocol';

/** What can be left out: ingredients inside the core, and those that are a matter of how it is used. */
export interface Switches extends Ablations {
  /** Facts are read from a secondary that lags. */
  readonly staleFill?: boolean;
  /** Who is listed is read from a secondary that lags. */
  readonly staleList?: boolean;
  /** A writer bumps before its commit. */
  readonly bumpBeforeState?: boolean;
  /** A repeated mutation is answered from the stored result at once. */
  readonly replayWithoutBarrier?: boolean;
  /** All replicas join under one configured id. */
  readonly sharedIncarnation?: boolean;
  /** A replica joins under the same id in every life. */
  readonly reusedIncarnation?: boolean;
  /** A writer calls its changes as it has called others in its former life. */
  readonly reusedWriter?: boolean;
  /** A replica is removed although it has polled since the pruner looked. */
  readonly pruneWithoutCompare?: boolean;
  /** The events of a shared bump count as one. */
  readonly splitGroup?: boolean;
}

export type Switch = keyof Switches;

const EVERY_SWITCH: Record<Switch, true> = {
  noWait: true,
  waitFromSend: true,
  listWaitsOut: true,
  listBeforeCommit: true,
  frozenList: true,
  staleList: true,
  noLease: true,
  leaseFromResponse: true,
  noDriftMargin: true,
  staleFill: true,
  noFillGuard: true,
  guardByIdOnly: true,
  deadLinks: true,
  renewsAnyVersion: true,
  deltaOutlivesRestore: true,
  renewedUntold: true,
  noRestart: true,
  droppedFillAnswers: true,
  joinKeepsFills: true,
  flushKeepsFills: true,
  flushKeepsHolders: true,
  gapIgnored: true,
  unknownKindIgnored: true,
  bumpBeforeState: true,
  ackForEarlier: true,
  redisAdvancesApplied: true,
  forgedAck: true,
  replayWithoutBarrier: true,
  sharedIncarnation: true,
  reusedIncarnation: true,
  reusedWriter: true,
  leaveWithoutWaiting: true,
  pruneTooEarly: true,
  pruneWithoutCompare: true,
  splitGroup: true,
  mixedLeases: true,
  ackBeforeHolders: true,
  absentUntold: true,
  subLeaseUncapped: true,
  subLeaseFromReceipt: true,
  streamKeepsCache: true,
  noSuspendGuard: true,
  localTime: true,
  trustOldBackup: true,
  restoreWithoutFreeze: true,
};

/** All of them: the compiler sees to it that a new one cannot be forgotten here. */
export const SWITCHES = Object.keys(EVERY_SWITCH) as Switch[];
