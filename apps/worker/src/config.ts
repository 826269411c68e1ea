import { fields, type LogLevel, readConfig, type TlsFiles } from '@latchkey/service';
import { z } from 'zod';

export interface WorkerConfig {
  /** Where health is served, `host:port`. */
  readonly listen: string;
  /** The Redis that carries the queue. Need not be there: the worker waits for it. */
  readonly redisUrl: string;
  /** PEM files: trusted authorities, own certificate and its key. */
  readonly tls: TlsFiles;
  /** identity's address, `host:port`. */
  readonly identityAddress: string;
  /** role's address, `host:port`. */
  readonly roleAddress: string;
  /** key's address, `host:port`; of several, separated by commas, the first. */
  readonly keyAddress: string;
  readonly logLevel: LogLevel;
}

const schema = z.object({
  LATCHKEY_LISTEN: fields.address,
  REDIS_URL: fields.redisUrl,
  LATCHKEY_TLS_CA: fields.file,
  LATCHKEY_TLS_CERT: fields.file,
  LATCHKEY_TLS_KEY: fields.file,
  LATCHKEY_IDENTITY_ADDRESS: fields.address,
  LATCHKEY_ROLE_ADDRESS: fields.address,
  LATCHKEY_KEY_ADDRESS: z
    .string()
    .transform((value) => value.split(',')[0]?.trim() ?? '')
    .pipe(fields.address),
  LATCHKEY_LOG_LEVEL: fields.logLevel,
});

/** @throws ConfigError with all problems at once */
export function workerConfig(env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  const given = readConfig(schema, env);
  return {
    listen: given.LATCHKEY_LISTEN,
    redisUrl: given.REDIS_URL,
    tls: { ca: given.LATCHKEY_TLS_CA, cert: given.LATCHKEY_TLS_CERT, key: given.LATCHKEY_TLS_KEY },
    identityAddress: given.LATCHKEY_IDENTITY_ADDRESS,
    roleAddress: given.LATCHKEY_ROLE_ADDRESS,
    keyAddress: given.LATCHKEY_KEY_ADDRESS,
    logLevel: given.LATCHKEY_LOG_LEVEL,
  };
}
