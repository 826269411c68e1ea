import { fields, type LogLevel, readConfig, type TlsFiles } from '@latchkey/service';
import { z } from 'zod';
import { type MissLimits } from './misses';

export interface KeyConfig {
  /** Where to serve, `host:port`. */
  readonly listen: string;
  /** MongoDB, a replica set; the database name is this service's own. */
  readonly mongoUri: string;
  /** The Redis that makes changes visible quickly; undefined: through the database alone. */
  readonly redisUrl: string | undefined;
  /** How long memory may be believed without the database, ms; the same for every service. */
  readonly leaseMs: number;
  /** How many entities of each kind, and how many unknown ids and hashes, are remembered at most. */
  readonly memory: { readonly entitiesPerKind: number; readonly unknown: number };
  /** How many facts each caller's checks may have read, of what memory lacks. */
  readonly misses: MissLimits;
  /** A folder of this process's own that remembers how far the epoch had come; undefined: only Redis remembers. */
  readonly dataDir: string | undefined;
  /** PEM files: trusted authorities, own certificate and its key. */
  readonly tls: TlsFiles;
  /** identity's address, `host:port`. */
  readonly identityAddress: string;
  /** role's address, `host:port`. */
  readonly roleAddress: string;
  /** Callers that may assert a signed-in user. */
  readonly frontEnds: readonly string[];
  /** Callers that may ask Authorize and IntrospectKey, besides identity and role. */
  readonly checkers: readonly string[];
  /** First part of every secret, 1 to 16 characters. Secrets of another brand are no keys here, so never change it in use. */
  readonly brand: string;
  /** After how long the relay takes up a follow-up in role whose call seems to have died, ms. Longer than any call may take. */
  readonly followUpDelayMs: number;
  /** How often last-used times are written, ms. */
  readonly usageFlushMs: number;
  readonly logLevel: LogLevel;
}

const schema = z.object({
  LATCHKEY_LISTEN: fields.address,
  MONGODB_URI: fields.mongoUri,
  REDIS_URL: fields.redisUrl.optional(),
  LATCHKEY_LEASE_MS: fields.leaseMs,
  LATCHKEY_MEMORY_ENTITIES: z.coerce.number().int().min(1_000).max(10_000_000).default(250_000),
  LATCHKEY_MEMORY_UNKNOWN: z.coerce.number().int().min(1_000).max(10_000_000).default(100_000),
  LATCHKEY_MISSES_PER_SECOND: z.coerce.number().int().min(1).max(1_000_000).default(1_000),
  LATCHKEY_MISSES_BURST: z.coerce.number().int().min(1).max(10_000_000).default(30_000),
  LATCHKEY_DATA_DIR: fields.dataDir.optional(),
  LATCHKEY_TLS_CA: fields.file,
  LATCHKEY_TLS_CERT: fields.file,
  LATCHKEY_TLS_KEY: fields.file,
  LATCHKEY_IDENTITY_ADDRESS: fields.address,
  LATCHKEY_ROLE_ADDRESS: fields.address,
  LATCHKEY_FRONT_ENDS: fields.callers,
  LATCHKEY_CHECKERS: fields.callers,
  LATCHKEY_BRAND: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,15}$/, 'must be 1 to 16 lower-case letters and digits, a letter first')
    .default('lk'),
  LATCHKEY_FOLLOW_UP_DELAY_MS: z.coerce.number().int().min(100).max(86_400_000).default(15_000),
  // As their grain: a key in steady use is written once for each minute.
  LATCHKEY_USAGE_FLUSH_MS: z.coerce.number().int().min(100).max(600_000).default(60_000),
  LATCHKEY_LOG_LEVEL: fields.logLevel,
});

/** @throws ConfigError with all problems at once */
export function keyConfig(env: Readonly<Record<string, string | undefined>>): KeyConfig {
  const given = readConfig(schema, env);
  return {
    listen: given.LATCHKEY_LISTEN,
    mongoUri: given.MONGODB_URI,
    redisUrl: given.REDIS_URL,
    leaseMs: given.LATCHKEY_LEASE_MS,
    memory: { entitiesPerKind: given.LATCHKEY_MEMORY_ENTITIES, unknown: given.LATCHKEY_MEMORY_UNKNOWN },
    misses: { perSecond: given.LATCHKEY_MISSES_PER_SECOND, burst: given.LATCHKEY_MISSES_BURST },
    dataDir: given.LATCHKEY_DATA_DIR,
    tls: { ca: given.LATCHKEY_TLS_CA, cert: given.LATCHKEY_TLS_CERT, key: given.LATCHKEY_TLS_KEY },
    identityAddress: given.LATCHKEY_IDENTITY_ADDRESS,
    roleAddress: given.LATCHKEY_ROLE_ADDRESS,
    frontEnds: given.LATCHKEY_FRONT_ENDS,
    checkers: given.LATCHKEY_CHECKERS,
    brand: given.LATCHKEY_BRAND,
    followUpDelayMs: given.LATCHKEY_FOLLOW_UP_DELAY_MS,
    usageFlushMs: given.LATCHKEY_USAGE_FLUSH_MS,
    logLevel: given.LATCHKEY_LOG_LEVEL,
  };
}
