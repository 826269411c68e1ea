/**
 * Each switch takes one safety ingredient out of the protocol. Only the simulator turns them, to show that it would notice;
 * production code never passes this argument. What each does is told by the schedule that breaks without the ingredient.
 */
export interface Ablations {
  /** The writer answers as soon as the bump has returned. */
  readonly noWait?: boolean;
  /** A writer waits leases out since it sent the bump, not since it got the answer. */
  readonly waitFromSend?: boolean;
  /** A writer waits leases out since it has read who is listed, before a bump that polls could bring them. */
  readonly listWaitsOut?: boolean;
  /** A mutation counts on a list that was asked for before it has committed. */
  readonly listBeforeCommit?: boolean;
  /** A list counts while a restore has bumps frozen. */
  readonly frozenList?: boolean;
  /** A replica serves whether or not its lease has run out. */
  readonly noLease?: boolean;
  /** The lease counts from the receipt of the answer, not from the send of the poll. */
  readonly leaseFromResponse?: boolean;
  /** Whoever waits a lease out waits L instead of L·(1+3ρ). */
  readonly noDriftMargin?: boolean;
  /** A finished fill is stored whatever happened meanwhile. */
  readonly noFillGuard?: boolean;
  /** Fills are guarded by the ids they read, but not by hashes. */
  readonly guardByIdOnly?: boolean;
  /** What an entity leads to is believed to be in memory still. */
  readonly deadLinks?: boolean;
  /** A change is applied to whatever version of the entity is held. */
  readonly renewsAnyVersion?: boolean;
  /** What a change makes of the version before is told in any generation, also of one that a restore has lost. */
  readonly deltaOutlivesRestore?: boolean;
  /** A holder is not told of what its replica has renewed. */
  readonly renewedUntold?: boolean;
  /** After an await, a check goes on with what it had already looked up. */
  readonly noRestart?: boolean;
  /** A dropped fill still answers those that waited for it. */
  readonly droppedFillAnswers?: boolean;
  /** Neither the loss of an incarnation nor the answer of a join drops the fills under way. */
  readonly joinKeepsFills?: boolean;
  /** A flush because of a gap drops no fills. */
  readonly flushKeepsFills?: boolean;
  /** A flush is not told to the SDK holders. */
  readonly flushKeepsHolders?: boolean;
  /** A gap in the ring is ignored: what was missed is not flushed. */
  readonly gapIgnored?: boolean;
  /** An event of a kind this version doesn't know is skipped. */
  readonly unknownKindIgnored?: boolean;
  /** An acknowledgement of event n counts for every earlier one. */
  readonly ackForEarlier?: boolean;
  /** An event that came over Redis advances the applied prefix. */
  readonly redisAdvancesApplied?: boolean;
  /** Messages on Redis are believed without their MAC. */
  readonly forgedAck?: boolean;
  /** A leaving replica removes its entry while it still serves, and while its holders do. */
  readonly leaveWithoutWaiting?: boolean;
  /** A replica is pruned after one poll interval. */
  readonly pruneTooEarly?: boolean;
  /** A writer waits its own L, whatever lease the list says. */
  readonly mixedLeases?: boolean;
  /** A replica acknowledges before its holders have. */
  readonly ackBeforeHolders?: boolean;
  /** A holder is not told of changes to what it was told does not exist. */
  readonly absentUntold?: boolean;
  /** A sub-lease is L, whatever is left of the replica's own lease. */
  readonly subLeaseUncapped?: boolean;
  /** A holder's sub-lease counts from its receipt, not from the send of the request. */
  readonly subLeaseFromReceipt?: boolean;
  /** A holder keeps its cache over a new stream. */
  readonly streamKeepsCache?: boolean;
  /** Nobody compares the wall clock with the monotonic one. */
  readonly noSuspendGuard?: boolean;
  /** Expiry is judged by the replica's own wall clock. */
  readonly localTime?: boolean;
  /** A document whose numbers went backwards is believed. */
  readonly trustOldBackup?: boolean;
  /** A restore does not freeze bumps. */
  readonly restoreWithoutFreeze?: boolean;
}

/** What production runs with: everything in place. */
export const NOTHING_ABLATED: Ablations = Object.freeze({});
