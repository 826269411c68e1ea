import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Logger, reconnectAfterMs } from '@latchkey/service';
import { Redis } from 'ioredis';
import { type Authenticator, type Broadcast, type SignedBroadcast } from '../protocol';
import { parsedJson } from './parsed-json';

/** Where replicas hear of changes. */
const EVENTS = 'latchkey:epoch';
/** Where a writer hears who has applied its changes: its own, so that nobody else has to look at them. */
const acknowledgementsOf = (writer: string): string => `${EVENTS}:applied:${writer}`;
/** The largest message that is looked at, characters. */
const LONGEST_MESSAGE = 1 << 20;

type Listener = (message: SignedBroadcast) => void;

/** What only makes it quick: messages may be lost, doubled, late or forged. */
export interface EpochChannel {
  publish(message: SignedBroadcast): void;
  onEvents(listener: Listener): void;
  onAcknowledgements(writer: string, listener: Listener): void;
  close(): void;
}

/** Needs no Redis to be there, now or later: it connects in the background, for ever, and says once that it cannot. */
export function openEpochChannel(redisUrl: string, log: Logger): EpochChannel {
  const listeners = new Map<string, Listener>();
  const options = {
    maxRetriesPerRequest: 1,
    connectTimeout: 5_000,
    retryStrategy: reconnectAfterMs,
  };
  // A publisher that waits would deliver what nobody waits for any more; a subscriber has to wait for its connection.
  const publisher = new Redis(redisUrl, { ...options, enableOfflineQueue: false });
  const subscriber = new Redis(redisUrl, { ...options, maxRetriesPerRequest: null });
  let reachable = true;
  const unreachable = (err: unknown): void => {
    if (reachable)
      log.warn({ err }, 'Redis cannot be reached: changes become visible through the database, less quickly');
    reachable = false;
  };
  for (const redis of [publisher, subscriber]) redis.on('error', unreachable);
  publisher.on('ready', () => {
    if (!reachable) log.info('Redis can be reached again');
    reachable = true;
  });
  subscriber.on('message', (channel: string, text: string) => {
    const message = parsed(text);
    if (message !== undefined) listeners.get(channel)?.(message);
  });
  const subscribe = (channel: string, listener: Listener): void => {
    listeners.set(channel, listener);
    subscriber.subscribe(channel).catch(unreachable);
  };
  return {
    publish: (message) => {
      const channel = message.body.type === 'events' ? EVENTS : acknowledgementsOf(message.body.writer);
      publisher.publish(channel, JSON.stringify(message)).catch(unreachable);
    },
    onEvents: (listener) => subscribe(EVENTS, listener),
    onAcknowledgements: (writer, listener) => subscribe(acknowledgementsOf(writer), listener),
    close: () => {
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}

/** A channel that carries nothing: changes then become visible through the database alone. */
export const NO_CHANNEL: EpochChannel = {
  publish: () => undefined,
  onEvents: () => undefined,
  onAcknowledgements: () => undefined,
  close: () => undefined,
};

/** HMAC-SHA-256, keyed from the epoch document. */
export const HMAC: Authenticator = {
  sign: (key, text) => createHmac('sha256', key).update(text).digest('base64'),
  verify: (key, text, mac) => {
    const expected = createHmac('sha256', key).update(text).digest();
    const given = Buffer.from(mac, 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  },
};

/** Only the shape is checked here; whether it is genuine, the protocol checks. Anybody can publish anything. */
function parsed(text: string): SignedBroadcast | undefined {
  if (text.length > LONGEST_MESSAGE) return undefined;
  const message = parsedJson(text);
  if (!isRecord(message) || typeof message.mac !== 'string' || !isRecord(message.body)) return undefined;
  const { body } = message;
  const wellFormed =
    typeof body.generation === 'string' &&
    (body.type === 'applied'
      ? typeof body.incarnation === 'string' && typeof body.writer === 'string' && areTexts(body.names)
      : body.type === 'events' && Array.isArray(body.events) && body.events.every(isAnnouncement));
  return wellFormed ? { mac: message.mac, body: body as unknown as Broadcast } : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const areTexts = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === 'string');

function isAnnouncement(value: unknown): boolean {
  if (!isRecord(value) || typeof value.name !== 'string' || !isRecord(value.event)) return false;
  const { kind, id, hashes, delta } = value.event;
  return typeof kind === 'string' && typeof id === 'string' && areTexts(hashes) && isDeltaOrNone(delta);
}

function isDeltaOrNone(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isRecord(value) || !Number.isSafeInteger(value.version) || !isRecord(value.fields)) return false;
  // No deeper: to look at the MAC it is written out again, which ends in an error where something is nested deeply.
  return Object.values(value.fields).every((field) => typeof field !== 'object' || field === null || areTexts(field));
}
