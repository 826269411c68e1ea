import { z } from 'zod';

/** Every problem of a configuration in one text, a line each; values are not repeated, they may be secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * A process's configuration from its environment.
 * @param schema one field per variable; an empty variable counts as absent, as compose files write it
 * @throws ConfigError with all problems at once
 */
export function readConfig<Schema extends z.ZodType>(
  schema: Schema,
  env: Readonly<Record<string, string | undefined>>,
): z.output<Schema> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const name = issue.path.map(String).join('.');
    const missing = issue.code === 'invalid_type' && !(name in given);
    return `  ${name || 'environment'}: ${missing ? 'is required' : issue.message}`;
  });
  const count = `${lines.length} ${lines.length === 1 ? 'problem' : 'problems'}`;
  throw new ConfigError(`the configuration has ${count}:\n${lines.join('\n')}`);
}

const ADDRESS = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})$/;
const NAMES = /^[a-z][a-z0-9-]*(?:\s*,\s*[a-z][a-z0-9-]*)*$/;

/** Schemas of what several processes take from the environment. */
export const fields = {
  /** `host:port`; port 0 lets the system choose one. */
  address: z.string().refine((value) => Number(ADDRESS.exec(value)?.[1] ?? 65536) <= 65535, 'must be host:port'),
  /** Path of a file; whether it can be read shows when it is read. */
  file: z.string().min(1),
  /** Comma-separated caller names; default none. */
  callers: z
    .string()
    .regex(NAMES, 'must be caller names, separated by commas')
    .transform((value) => value.split(',').map((name) => name.trim()))
    .default([]),
  mongoUri: z.string().regex(/^mongodb(\+srv)?:\/\//, 'must begin with mongodb:// or mongodb+srv://'),
  redisUrl: z.string().regex(/^rediss?:\/\//, 'must begin with redis:// or rediss://'),
  /** Path of a folder that outlives the process; made when it is missing. */
  dataDir: z.string().min(1),
  // Shorter than a second, one slow write of the database would void it; longer than a minute, a partition would hold every change up.
  leaseMs: z.coerce.number().int().min(1_000).max(60_000).default(5_000),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
} as const;
