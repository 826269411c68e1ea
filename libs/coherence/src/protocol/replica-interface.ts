import { type Ablations } from './ablations';
import { type CacheLimits } from './entity-cache';
import { type EpochOperation } from './epoch-operations';
import { type GrantEffect } from './grants';
import { type Authenticator, type SignedBroadcast } from './messages';
import { type Parameters } from './parameters';
import { type Delta, type Entity, type Watermark } from './types';

/** What a replica wants done. */
export type ReplicaEffect<V> =
  /** Execute; then call `answered` or `failed` with the ticket. */
  | { readonly kind: 'store'; readonly ticket: number; readonly operation: EpochOperation }
  | { readonly kind: 'broadcast'; readonly message: SignedBroadcast }
  /** Keep where the next start of this process finds it. */
  | { readonly kind: 'remember'; readonly watermark: Watermark }
  | GrantEffect<V>;

/**
 * The value of an entity after a change, from what it was just before; undefined where this version of the software does not
 * understand all of the change, or cannot be sure: the entity is then forgotten, and read when it is needed.
 */
export type Renew<V> = (before: Entity<V>, fields: Delta['fields']) => V | undefined;

export interface ReplicaOptions<V> {
  readonly parameters: Parameters;
  readonly kinds: readonly string[];
  readonly limits: CacheLimits;
  /** Absent: whatever changes is forgotten. */
  readonly renew?: Renew<V> | undefined;
  readonly authenticator: Authenticator;
  /** A new random id at every call: never configured, never used twice. */
  readonly identify: () => string;
  /** The highest mark that Redis or the data folder remembers. */
  readonly remembered?: Watermark;
  /** Only the simulator passes this. */
  readonly ablations?: Ablations;
}

/** `OUTSIDE` until a join has been answered; `LEFT` for good. */
export type ReplicaState = 'OUTSIDE' | 'UP' | 'LEAVING' | 'LEFT';
