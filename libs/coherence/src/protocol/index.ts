export { type Ablations, NOTHING_ABLATED } from './ablations';
export { Barrier, type BarrierEffect, type BarrierOptions } from './barrier';
export { type Attempt, Check, type Evaluate, type Gate, type Step } from './check';
export { type CacheLimits, EntityCache, type Found, type View } from './entity-cache';
export { type EpochOperation, execute, firstDocument } from './epoch-operations';
export { type FillEnd, type FillResult, Fills } from './fills';
export { Holder, type HolderEffects, type HolderOptions } from './holder';
export { type Authenticator, type Broadcast, type DownMessage, type SignedBroadcast, type UpMessage } from './messages';
export { writerOf } from './naming';
export { DEFAULTS, type Parameters, patience } from './parameters';
export { Pruner } from './pruner';
export { Replica } from './replica';
export { type Renew, type ReplicaEffect, type ReplicaOptions, type ReplicaState } from './replica-interface';
export { Restorer, type RestoreOptions } from './restorer';
export {
  type Announcement,
  type ChangeEvent,
  type Clock,
  type Delta,
  type Entity,
  type EpochDocument,
  hashName,
  isBehind,
  nameOf,
  type ReplicaEntry,
  type Subject,
  subjectName,
  type Watermark,
} from './types';
