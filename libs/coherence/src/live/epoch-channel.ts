import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Logger, reconnectAfterMs } from '@latchkey/service';
import { Redis } from 'ioredis';
import { type Authenticator, type Broadcast, type SignedBroadcast } from '../protocol';

const CHANNEL = 'latchkey:epoch';
/** The largest message that is looked at, characters. */
const LONGEST_MESSAGE = 1 << 20;

/** What only makes it quick: messages may be lost, doubled, late or forged. */
export interface EpochChannel {
  publish(message: SignedBroadcast): void;
  subscribe(listener: (message: SignedBroadcast) => void): void;
  close(): void;
}

/** Needs no Redis to be there, now or later: it connects in the background, for ever, and says once that it cannot. */
export function openEpochChannel(redisUrl: string, log: Logger): EpochChannel {
  const listeners: ((message: SignedBroadcast) => void)[] = [];
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
  subscriber.subscribe(CHANNEL).catch(unreachable);
  subscriber.on('message', (_channel, text: string) => {
    const message = parsed(text);
    if (message === undefined) return;
    for (const listener of listeners) listener(message);
  });
  return {
    publish: (message) => void publisher.publish(CHANNEL, JSON.stringify(message)).catch(unreachable),
    subscribe: (listener) => void listeners.push(listener),
    close: () => {
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}

/** A channel that carries nothing: changes then become visible through the database alone. */
export const NO_CHANNEL: EpochChannel = {
  publish: () => undefined,
  subscribe: () => undefined,
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
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(message) || typeof message.mac !== 'string' || !isRecord(message.body)) return undefined;
  const { body } = message;
  const wellFormed =
    typeof body.generation === 'string' &&
    (body.type === 'applied'
      ? typeof body.incarnation === 'string' && isNumbers(body.numbers)
      : body.type === 'events' && Array.isArray(body.events) && body.events.every(isNumberedEvent));
  return wellFormed ? { mac: message.mac, body: body as unknown as Broadcast } : undefined;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isNumbers = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => Number.isSafeInteger(each));

function isNumberedEvent(value: unknown): boolean {
  if (!isRecord(value) || !Number.isSafeInteger(value.number) || !isRecord(value.event)) return false;
  const { kind, id, hashes } = value.event;
  const texts = Array.isArray(hashes) && hashes.every((hash) => typeof hash === 'string');
  return typeof kind === 'string' && typeof id === 'string' && texts;
}
