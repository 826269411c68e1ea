import { join } from 'node:path';
import { fields, type LogLevel, readConfig, type TlsFiles } from '@latchkey/service';
import { z } from 'zod';

/** Beside src/ and dist/ alike, so that the built program and the tests find the same file. */
const BUNDLED_CATALOGUE = join(__dirname, '..', 'catalogue.tsv');

export interface RoleConfig {
  /** Where to serve, `host:port`. */
  readonly listen: string;
  /** MongoDB, a replica set; the database name is this service's own. */
  readonly mongoUri: string;
  /** The Redis that makes changes visible quickly; undefined: through the database alone. */
  readonly redisUrl: string | undefined;
  /** How long memories may be believed without the database, ms; the same for every service. */
  readonly leaseMs: number;
  /** A folder of this process's own that remembers how far the epoch had come; undefined: only Redis remembers. */
  readonly dataDir: string | undefined;
  /** PEM files: trusted authorities, own certificate and its key. */
  readonly tls: TlsFiles;
  /** identity's address, `host:port`. */
  readonly identityAddress: string;
  /** key's address, `host:port`. */
  readonly keyAddress: string;
  /** Callers that may assert a signed-in user. */
  readonly frontEnds: readonly string[];
  /** Callers that may apply a catalogue. */
  readonly operators: readonly string[];
  /** The catalogue that a database without one begins with, a file in the format of `catalogue.tsv`. */
  readonly catalogueFile: string;
  readonly logLevel: LogLevel;
}

const schema = z.object({
  LATCHKEY_LISTEN: fields.address,
  MONGODB_URI: fields.mongoUri,
  REDIS_URL: fields.redisUrl.optional(),
  LATCHKEY_LEASE_MS: fields.leaseMs,
  LATCHKEY_DATA_DIR: fields.dataDir.optional(),
  LATCHKEY_TLS_CA: fields.file,
  LATCHKEY_TLS_CERT: fields.file,
  LATCHKEY_TLS_KEY: fields.file,
  LATCHKEY_IDENTITY_ADDRESS: fields.address,
  LATCHKEY_KEY_ADDRESS: fields.address,
  LATCHKEY_FRONT_ENDS: fields.callers,
  LATCHKEY_OPERATORS: fields.callers,
  LATCHKEY_CATALOGUE: fields.file.default(BUNDLED_CATALOGUE),
  LATCHKEY_LOG_LEVEL: fields.logLevel,
});

/** @throws ConfigError with all problems at once */
export function roleConfig(env: Readonly<Record<string, string | undefined>>): RoleConfig {
  // The same default as every operator's tool uses; an empty list would leave nobody who can change the catalogue.
  const given = readConfig(schema, { ...env, LATCHKEY_OPERATORS: env.LATCHKEY_OPERATORS || 'ops' });
  return {
    listen: given.LATCHKEY_LISTEN,
    mongoUri: given.MONGODB_URI,
    redisUrl: given.REDIS_URL,
    leaseMs: given.LATCHKEY_LEASE_MS,
    dataDir: given.LATCHKEY_DATA_DIR,
    tls: { ca: given.LATCHKEY_TLS_CA, cert: given.LATCHKEY_TLS_CERT, key: given.LATCHKEY_TLS_KEY },
    identityAddress: given.LATCHKEY_IDENTITY_ADDRESS,
    keyAddress: given.LATCHKEY_KEY_ADDRESS,
    frontEnds: given.LATCHKEY_FRONT_ENDS,
    operators: given.LATCHKEY_OPERATORS,
    catalogueFile: given.LATCHKEY_CATALOGUE,
    logLevel: given.LATCHKEY_LOG_LEVEL,
  };
}
