import { type HolderEnd, type HolderStream, type Mutations } from '@latchkey/coherence';
import { type Judge, type Value } from '@latchkey/facts';
import { type roleV1 } from '@latchkey/proto';
import { type PromisedClient } from '@latchkey/service';
import { type FactSource } from './fact-source';
import { type KeyStore } from './key-store';
import { type LegacySunsetStore } from './legacy-sunset-store';
import { type TokenOwnerStore } from './token-owner-store';
import { type UsageStore } from './usage-store';

/** The SDK holders of this replica. */
export interface Holders {
  readonly parameters: { readonly leaseMs: number; readonly pollMs: number };
  /** `process` names the process behind it, `caller` the service. */
  open(process: string, caller: string, stream: HolderStream<Value>): HolderEnd;
  /** A holder has let a key be used. */
  used(keyId: string, nowMs: number): void;
}

/** What RPCs work with; built once, in app.ts. */
export interface Deps {
  readonly mutations: Mutations;
  readonly keys: KeyStore;
  readonly owners: TokenOwnerStore;
  readonly sunsets: LegacySunsetStore;
  readonly usage: UsageStore;
  readonly source: FactSource;
  readonly judge: Judge;
  readonly holders: Holders;
  readonly bindings: PromisedClient<typeof roleV1.BindingServiceClient>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** First part of every secret. */
  readonly brand: string;
  /** How long the outbox leaves a follow-up to the call that is at it, ms. */
  readonly followUpDelayMs: number;
}
