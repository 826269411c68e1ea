import { type OutboxPayload } from '@latchkey/coherence';

// The outbox keeps plain JSON, written by this service but perhaps by another version of it.

export function text(payload: OutboxPayload, field: string): string {
  const value = payload[field];
  if (typeof value !== 'string') throw new Error(`an outbox entry lacks the text ${field}`);
  return value;
}

export function texts(payload: OutboxPayload, field: string): readonly string[] {
  const value = payload[field];
  if (!Array.isArray(value)) throw new Error(`an outbox entry lacks the list ${field}`);
  return value.map(String);
}
