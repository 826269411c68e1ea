import { fields, type LogLevel, readConfig, type TlsFiles } from '@latchkey/service';
import { z } from 'zod';

export interface IdentityConfig {
  /** Where to serve, `host:port`. */
  readonly listen: string;
  /** MongoDB, a replica set; the database name is this service's own. */
  readonly mongoUri: string;
  /** The Redis that carries the queue. Need not be there: what it misses is added later. */
  readonly redisUrl: string;
  /** How long memories may be believed without the database, ms; the same for every service. */
  readonly leaseMs: number;
  /** A folder of this process's own that remembers how far the epoch had come; undefined: only Redis remembers. */
  readonly dataDir: string | undefined;
  /** PEM files: trusted authorities, own certificate and its key. */
  readonly tls: TlsFiles;
  /** role's address, `host:port`. */
  readonly roleAddress: string;
  /** key's address, `host:port`. */
  readonly keyAddress: string;
  /** Callers that may assert a signed-in user. */
  readonly frontEnds: readonly string[];
  /** After how long a deletion that is still pending goes into the queue once more, ms. */
  readonly deletionPendingTooLongMs: number;
  /** After how long the relay takes up a creation whose call seems to have died, ms. Longer than any call may take. */
  readonly followUpDelayMs: number;
  /** After how long a seat that a dead call has closed is opened again if its owner is still there, ms. As above. */
  readonly seatClosingMs: number;
  readonly logLevel: LogLevel;
}

const milliseconds = (value: number) => z.coerce.number().int().min(100).max(86_400_000).default(value);

const schema = z.object({
  LATCHKEY_LISTEN: fields.address,
  MONGODB_URI: fields.mongoUri,
  REDIS_URL: fields.redisUrl,
  LATCHKEY_LEASE_MS: fields.leaseMs,
  LATCHKEY_DATA_DIR: fields.dataDir.optional(),
  LATCHKEY_TLS_CA: fields.file,
  LATCHKEY_TLS_CERT: fields.file,
  LATCHKEY_TLS_KEY: fields.file,
  LATCHKEY_ROLE_ADDRESS: fields.address,
  LATCHKEY_KEY_ADDRESS: fields.address,
  LATCHKEY_FRONT_ENDS: fields.callers,
  LATCHKEY_DELETION_PENDING_TOO_LONG_MS: milliseconds(30_000),
  LATCHKEY_FOLLOW_UP_DELAY_MS: milliseconds(15_000),
  LATCHKEY_SEAT_CLOSING_MS: milliseconds(30_000),
  LATCHKEY_LOG_LEVEL: fields.logLevel,
});

/** @throws ConfigError with all problems at once */
export function identityConfig(env: Readonly<Record<string, string | undefined>>): IdentityConfig {
  const given = readConfig(schema, env);
  return {
    listen: given.LATCHKEY_LISTEN,
    mongoUri: given.MONGODB_URI,
    redisUrl: given.REDIS_URL,
    leaseMs: given.LATCHKEY_LEASE_MS,
    dataDir: given.LATCHKEY_DATA_DIR,
    tls: { ca: given.LATCHKEY_TLS_CA, cert: given.LATCHKEY_TLS_CERT, key: given.LATCHKEY_TLS_KEY },
    roleAddress: given.LATCHKEY_ROLE_ADDRESS,
    keyAddress: given.LATCHKEY_KEY_ADDRESS,
    frontEnds: given.LATCHKEY_FRONT_ENDS,
    deletionPendingTooLongMs: given.LATCHKEY_DELETION_PENDING_TOO_LONG_MS,
    followUpDelayMs: given.LATCHKEY_FOLLOW_UP_DELAY_MS,
    seatClosingMs: given.LATCHKEY_SEAT_CLOSING_MS,
    logLevel: given.LATCHKEY_LOG_LEVEL,
  };
}
