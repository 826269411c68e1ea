import type mongoose from 'mongoose';
import { type ChangeEvent } from './protocol';

type Collection<T extends mongoose.mongo.Document> = mongoose.mongo.Collection<T>;

/** A line of the audit trail. Ids, names and codes only: no text that a request brought along. */
export interface AuditDocument {
  /** aud_ id; its order is the order of time. */
  _id: string;
  organizationId: string;
  time: Date;
  actor: { userId?: string; principalId?: string; keyId?: string };
  caller: string;
  /** The RPC. */
  action: string;
  object: { kind: string; id: string };
  outcome: 'SUCCEEDED' | 'REFUSED';
  /** Why it was refused; '' when it was not. */
  reason: string;
  /** Names of the fields that changed. */
  changed: string[];
  requestId: string;
}

/** Work that a committed change has promised. Stays until it is done. */
export interface OutboxDocument {
  /** kind and key, see `outboxId`: the same work cannot be promised twice. */
  _id: string;
  kind: string;
  key: string;
  payload: OutboxPayload;
  createdAt: Date;
  /** When it is due; while a relay works on it, when that relay's lease ends. */
  nextAttemptAt: Date;
  /** Deliveries begun since the last success. */
  attempts: number;
  /** The delivery that holds the lease; absent when none does. */
  leaseOwner?: string;
}

/** Plain JSON, ids only. */
export type OutboxPayload = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** The first answer to a request_id. */
export interface RequestDocument {
  /** Of actor, RPC and request_id; see `requestRecordId`. */
  _id: string;
  digest: string;
  /** The encoded answer; absent only inside the transaction that makes it. */
  answer?: mongoose.mongo.Binary;
  /** What the change made stale. */
  events?: readonly ChangeEvent[];
  createdAt: Date;
}

export interface Collections {
  readonly audit: Collection<AuditDocument>;
  readonly outbox: Collection<OutboxDocument>;
  readonly requests: Collection<RequestDocument>;
}

/** Durable on a majority, whatever the URI says. */
export const DURABLE = { w: 'majority', j: true } as const;

/** How long the first answer to a request_id is kept, in seconds. */
export const REQUEST_RECORD_TTL_S = 24 * 60 * 60;

/** @throws Error when the connection is not open. */
export function collectionsOf(connection: mongoose.Connection): Collections {
  const { db } = connection;
  if (db === undefined) throw new Error('the database connection must be open');
  return {
    audit: db.collection<AuditDocument>('audit_entries'),
    outbox: db.collection<OutboxDocument>('outbox'),
    requests: db.collection<RequestDocument>('requests'),
  };
}

/** Creates what is missing, before the first transaction: an index built beside an open one can miss its documents. */
export async function prepareCollections(connection: mongoose.Connection): Promise<void> {
  const { audit, outbox, requests } = collectionsOf(connection);
  for (const { collectionName } of [audit, outbox, requests]) await createIfMissing(connection, collectionName);
  await audit.createIndex({ organizationId: 1, _id: -1 });
  await outbox.createIndex({ nextAttemptAt: 1 });
  await requests.createIndex({ createdAt: 1 }, { expireAfterSeconds: REQUEST_RECORD_TTL_S });
}

const NAMESPACE_EXISTS = 48;

async function createIfMissing(connection: mongoose.Connection, name: string): Promise<void> {
  try {
    await connection.db?.createCollection(name);
  } catch (error) {
    // Another replica, or an earlier start.
    if ((error as { code?: unknown }).code !== NAMESPACE_EXISTS) throw error;
  }
}
