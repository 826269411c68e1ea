import { parseArgs } from 'node:util';
import { type RestoreOptions } from '@latchkey/coherence';
import { fields, readConfig } from '@latchkey/service';
import { z } from 'zod';

export const RESTORE_USAGE = `latchkey restore --mongo-uri URI [--redis-url URI] [--lease-ms MS] [--newer-than GENERATION]

Says that the databases are as they should be, after they were restored from a backup. Begins a new generation, which voids
every lease, and lets nobody change anything until leases of before are over. Interrupted, run it again.

  --mongo-uri    the replica set that the services use             or MONGODB_URI
  --redis-url    the Redis that the services use                   or REDIS_URL
  --lease-ms     the longest lease in use, 5000 if not given       or LATCHKEY_LEASE_MS
  --newer-than   a generation that a service says it remembers; only needed when its clock was wrong`;

const schema = z.object({
  '--mongo-uri': fields.mongoUri,
  '--redis-url': fields.redisUrl.optional(),
  '--lease-ms': fields.leaseMs,
  '--newer-than': z.string().max(200).optional(),
});

/**
 * What the command line says, and where it is silent the environment.
 * @throws ConfigError with all problems at once; TypeError for an argument that is none of these
 */
export function restoreOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Omit<RestoreOptions, 'say'> {
  const text = { type: 'string' } as const;
  const options = { 'mongo-uri': text, 'redis-url': text, 'lease-ms': text, 'newer-than': text };
  const { values } = parseArgs({ args: [...args], options });
  const given = readConfig(schema, {
    '--mongo-uri': values['mongo-uri'] ?? env.MONGODB_URI,
    '--redis-url': values['redis-url'] ?? env.REDIS_URL,
    '--lease-ms': values['lease-ms'] ?? env.LATCHKEY_LEASE_MS,
    '--newer-than': values['newer-than'],
  });
  return {
    mongoUri: given['--mongo-uri'],
    redisUrl: given['--redis-url'],
    longestLeaseMs: given['--lease-ms'],
    newerThan: given['--newer-than'],
  };
}
