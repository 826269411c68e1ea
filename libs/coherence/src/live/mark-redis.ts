import { createHash } from 'node:crypto';
import { reconnectAfterMs } from '@latchkey/service';
import { Redis } from 'ioredis';
import { type Watermark } from '../protocol';
import { HMAC } from './epoch-channel';
import { higher, type MarkPlace, parsedMark } from './mark-place';

/** For one answer, ms. Nobody waits for a mark. */
const COMMAND_MS = 1_500;

/** A connection that is made in the background, for ever; what cannot be done soon fails, and says so by that. */
export function openMarkRedis(redisUrl: string): Redis {
  const redis = new Redis(redisUrl, {
    maxRetriesPerRequest: 1,
    connectTimeout: COMMAND_MS,
    commandTimeout: COMMAND_MS,
    retryStrategy: reconnectAfterMs,
  });
  // Without a listener the library prints it; whoever wants something of Redis hears of it anyway.
  redis.on('error', () => undefined);
  return redis;
}

/** How often a mark is tried to be kept that others keep writing over; the next second brings another try. */
const MOST_ATTEMPTS = 100;

/** Sets the key only if it still holds what was judged; several processes keep their marks there. */
const REPLACE = `
  if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
  redis.call('SET', KEYS[1], ARGV[2])
  return 1`;

/**
 * A key in Redis. Anybody who reaches Redis can write there, so a mark carries a MAC under a key that is in the epoch
 * document, and in every backup of it: what does not verify is noise, and is written over. Whoever deletes it or puts an old
 * one back makes Redis forget, and nothing worse.
 */
export function redisPlace(redis: Redis, markKey: () => Promise<string | undefined>): MarkPlace {
  const look = async (secret: string): Promise<{ key: string; text: string; mark: Watermark | undefined }> => {
    // Deployments that share a Redis, or follow each other on it, have nothing to do with each other's marks.
    const key = `latchkey:epoch:mark:${createHash('sha256').update(secret).digest('hex').slice(0, 16)}`;
    const text = (await redis.get(key)) ?? '';
    const found = parsedMark(text);
    const genuine = typeof found?.mac === 'string' && HMAC.verify(secret, canonical(found), found.mac);
    return { key, text, mark: genuine ? { generation: found.generation, seq: found.seq } : undefined };
  };
  return {
    name: 'Redis',
    async read() {
      const secret = await markKey();
      return secret === undefined ? undefined : (await look(secret)).mark;
    },
    async keep(mark) {
      const secret = await markKey();
      if (secret === undefined) return undefined;
      const value = JSON.stringify({ ...mark, mac: HMAC.sign(secret, canonical(mark)) });
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        const { key, text, mark: found } = await look(secret);
        if (found !== undefined && higher(found, mark) === found) return found;
        if ((await redis.eval(REPLACE, 1, key, text, value)) === 1) return undefined;
      }
      throw new Error(`others have written the mark ${MOST_ATTEMPTS} times meanwhile`);
    },
  };
}

function canonical({ generation, seq }: Watermark): string {
  return JSON.stringify(['mark', generation, seq]);
}
