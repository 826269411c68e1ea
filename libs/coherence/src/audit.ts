import { auditV1 } from '@latchkey/proto';
import { type CallContext, decodePageToken, masked, nextPage, pageSizeOf } from '@latchkey/service';
import type mongoose from 'mongoose';
import { typeid } from 'typeid-js';
import { type AuditDocument } from './collections';

/** What was changed. */
export interface Change {
  readonly organizationId: string;
  /** `kind` is a word ('member', 'role'), `id` the object's id. */
  readonly object: { readonly kind: string; readonly id: string };
  /** Names of the fields that changed; values are not recorded. */
  readonly changed?: readonly string[];
}

/** Which entries to list: an organization's, and of those the ones that fit every filter given ('' is not given). */
export interface AuditQuery {
  readonly organizationId: string;
  readonly action?: string;
  readonly objectId?: string;
  readonly principalId?: string;
  /** Not before this. */
  readonly since?: Date;
  /** Before this. */
  readonly until?: Date;
  /** 1 to 200; 0 or absent means 50. */
  readonly pageSize?: number;
  readonly pageToken?: string;
}

const TYPE_ID = /^[a-z]{2,8}_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const WORD = /^[a-z][a-z-]{0,39}$/;
const MAX_PAGE_SIZE = 200;

// A refused request may name anything as an id, a mistakenly pasted secret included.
function recordable(id: string): string {
  return id === '' || TYPE_ID.test(id) || WORD.test(id) ? id : '(not an id)';
}

export function auditDocument(
  ctx: CallContext,
  time: Date,
  { organizationId, object, changed = [] }: Change,
  outcome: AuditDocument['outcome'],
  reason = '',
): AuditDocument {
  const { userId, principalId, keyId } = ctx.actor ?? {};
  return {
    _id: typeid('aud').toString(),
    organizationId: recordable(organizationId),
    time,
    actor: { ...(userId && { userId }), ...(principalId && { principalId }), ...(keyId && { keyId }) },
    caller: ctx.caller,
    action: ctx.rpc,
    object: { kind: object.kind, id: recordable(object.id) },
    outcome,
    reason,
    changed: [...changed],
    // Of the caller's choice, and long enough for a key.
    requestId: masked(ctx.requestId),
  };
}

/**
 * What a refused request was about, as far as it says so itself: the first object that it names.
 * @param kinds the fields in which a request names objects, those first that say more, each with the kind of the object
 * @returns the organization '' for requests that name none; kind and id '' without an object
 */
export function objectNamed(
  request: unknown,
  kinds: readonly (readonly [field: string, kind: string])[],
): Pick<Change, 'organizationId' | 'object'> {
  const textOf = (field: string): string => {
    const value: unknown = typeof request === 'object' && request !== null ? Reflect.get(request, field) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const [field, kind] = kinds.find(([name]) => textOf(name) !== '') ?? ['', ''];
  return { organizationId: textOf('organizationId'), object: { kind, id: textOf(field) } };
}

/** A page of an organization's trail, newest first. */
export async function listAudit(
  collection: mongoose.mongo.Collection<AuditDocument>,
  query: AuditQuery,
): Promise<auditV1.ListAuditEntriesResponse> {
  const size = Math.min(Math.max(pageSizeOf(query.pageSize ?? 0), 1), MAX_PAGE_SIZE);
  const after = decodePageToken(query.pageToken ?? '');
  const time = { ...(query.since && { $gte: query.since }), ...(query.until && { $lt: query.until }) };
  const rows = await collection
    .find({
      organizationId: query.organizationId,
      ...(after !== undefined && { _id: { $lt: after } }),
      ...(query.action && { action: query.action }),
      ...(query.objectId && { 'object.id': query.objectId }),
      ...(query.principalId && { 'actor.principalId': query.principalId }),
      ...(Object.keys(time).length > 0 && { time }),
    })
    .sort({ organizationId: 1, _id: -1 })
    .limit(size + 1)
    .toArray();
  const page = nextPage(rows, size);
  return { entries: page.rows.map(toProto), nextPageToken: page.nextPageToken };
}

function toProto(row: AuditDocument): auditV1.AuditEntry {
  return {
    id: row._id,
    time: row.time,
    organizationId: row.organizationId,
    actor: {
      userId: row.actor.userId ?? '',
      principalId: row.actor.principalId ?? '',
      keyId: row.actor.keyId ?? '',
    },
    caller: row.caller,
    action: row.action,
    objectKind: row.object.kind,
    objectId: row.object.id,
    outcome: row.outcome === 'SUCCEEDED' ? auditV1.AuditOutcome.SUCCEEDED : auditV1.AuditOutcome.REFUSED,
    reason: row.reason,
    changedFields: row.changed,
    requestId: row.requestId,
  };
}
