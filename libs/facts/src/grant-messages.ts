import { type DownMessage, type Subject, type UpMessage } from '@latchkey/coherence/sans-io';
import { type keyV1 } from '@latchkey/proto';
import { entityMessage, entityOf } from './entity-message';
import { type SharedIds } from './shared-ids';
import { type Value } from './values';

// The protocol's messages between a replica and its SDK holders, as WatchGrants carries them.

/** What a replica says. */
export function downMessage(message: DownMessage<Value>): keyV1.WatchGrantsResponse {
  switch (message.type) {
    case 'event': {
      const { position, event } = message;
      const change = event && { entity: { kind: event.kind, id: event.id }, hashes: [...event.hashes] };
      return { message: { $case: 'event', value: { position: BigInt(position), change } } };
    }
    case 'entries': {
      const { entities, absent } = message;
      const value = { entities: entities.map(entityMessage), absent: absent.map(subjectMessage) };
      return { message: { $case: 'entries', value } };
    }
    case 'lease': {
      const { request, durationMs, databaseTime } = message;
      const value = { number: BigInt(request), durationMs, databaseTimeMs: databaseTime };
      return { message: { $case: 'lease', value } };
    }
    case 'unreadable':
      return { message: { $case: 'unreadable', value: subjectMessage(message.subject) } };
    case 'refused':
      return { message: { $case: 'refused', value: BigInt(message.request) } };
    case 'leaving':
      return { message: { $case: 'leaving', value: {} } };
  }
}

/** What a holder heard, in order; nothing for what it need not understand. */
export function heardBelow({ message }: keyV1.WatchGrantsResponse, ids: SharedIds): DownMessage<Value>[] {
  switch (message?.$case) {
    case 'event': {
      const { position, change } = message.value;
      const { entity, hashes } = change ?? {};
      // A change of nothing in particular may be one of anything.
      const event = entity && hashes && { kind: entity.kind, id: entity.id, hashes };
      return [{ type: 'event', position: Number(position), event }];
    }
    case 'entries':
      return entries(message.value, ids);
    case 'lease': {
      const { number, durationMs, databaseTimeMs } = message.value;
      return [{ type: 'lease', request: Number(number), durationMs, databaseTime: databaseTimeMs }];
    }
    case 'unreadable': {
      const subject = subjectOf(message.value);
      return subject ? [{ type: 'unreadable', subject }] : [];
    }
    case 'refused':
      return [{ type: 'refused', request: Number(message.value) }];
    case 'leaving':
      return [{ type: 'leaving' }];
    case 'terms':
    case undefined:
      return [];
  }
}

/** What this version does not understand all of is as good as not to be had: whoever waits for it is told so. */
function entries({ entities, absent }: keyV1.GrantEntries, ids: SharedIds): DownMessage<Value>[] {
  const read = entities.map((each) => ({ each, entity: entityOf(each, ids) }));
  const unreadable = read.flatMap(({ each, entity }): Subject[] => {
    if (entity) return [];
    const byHash = each.hashes.map((hash) => ({ by: 'hash' as const, hash }));
    return [...byHash, { by: 'id', kind: each.value?.$case ?? '', id: each.id }];
  });
  return [
    {
      type: 'entries',
      entities: read.flatMap(({ entity }) => entity ?? []),
      absent: absent.flatMap((each) => subjectOf(each) ?? []),
    },
    ...unreadable.map((subject) => ({ type: 'unreadable' as const, subject })),
  ];
}

/** What a holder says. */
export function upMessage(message: UpMessage): keyV1.WatchGrantsRequest {
  switch (message.type) {
    case 'renew':
      return { message: { $case: 'renew', value: { number: BigInt(message.request) } } };
    case 'fetch':
      return { message: { $case: 'fetch', value: subjectMessage(message.subject) } };
    case 'acknowledge':
      return { message: { $case: 'acknowledge', value: BigInt(message.position) } };
    case 'release':
      return { message: { $case: 'release', value: {} } };
  }
}

/** What a replica heard, after the first word; undefined for what is no message of the protocol. */
export function heardAbove({ message }: keyV1.WatchGrantsRequest): UpMessage | undefined {
  switch (message?.$case) {
    case 'renew':
      return { type: 'renew', request: Number(message.value.number) };
    case 'fetch': {
      const subject = subjectOf(message.value);
      return subject && { type: 'fetch', subject };
    }
    case 'acknowledge':
      return { type: 'acknowledge', position: Number(message.value) };
    case 'release':
      return { type: 'release' };
    case 'hello':
    case 'used':
    case undefined:
      return undefined;
  }
}

function subjectMessage(subject: Subject): keyV1.GrantSubject {
  if (subject.by === 'hash') return { by: { $case: 'hash', value: subject.hash } };
  return { by: { $case: 'id', value: { kind: subject.kind, id: subject.id } } };
}

function subjectOf({ by }: keyV1.GrantSubject): Subject | undefined {
  if (by?.$case === 'hash') return { by: 'hash', hash: by.value };
  return by && { by: 'id', kind: by.value.kind, id: by.value.id };
}
