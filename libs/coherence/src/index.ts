export { settledWithin } from './bounded';
export { type AuditQuery, type Change, objectNamed } from './audit';
export { type Checkpoint } from './checkpoint';
export { openDatabase, ping } from './database';
export { type OutboxPayload } from './collections';
export { type Accounted, Mutations, type MutationsOptions, type Transaction } from './mutations';
export { type Enqueued } from './outbox';
export {
  type Delivery,
  type OutboxEntry,
  type OutboxHandler,
  OutboxRelay,
  type OutboxRelayOptions,
} from './outbox-relay';
export { type Codec } from './request-record';
export { auditTable } from './audit-service';
export { startOverIfDuplicate } from './transaction';
export { CATALOGUE_ID, ENTITY_KINDS, type EntityKind, membershipHash } from './entities';
export { type BarrierWrapper, type Coherence, openCoherence } from './live/coherence';
export { systemClock } from './live/clock';
export { type HolderEnd, type HolderStream, LiveReplica } from './live/live-replica';
export { RestoreError, restoreEpoch, type RestoreOptions } from './live/restore';
export {
  type Attempt,
  type Clock,
  type Delta,
  type Entity,
  type FillResult,
  type Renew,
  type Subject,
  type View,
} from './protocol';
