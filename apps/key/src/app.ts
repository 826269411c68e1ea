import {
  auditTable,
  type BarrierWrapper,
  type Checkpoint,
  ENTITY_KINDS,
  LiveReplica,
  Mutations,
  openCoherence,
  openDatabase,
  OutboxRelay,
  ping,
  systemClock,
} from '@latchkey/coherence';
import { guardBy, judge, Usage, type Value } from '@latchkey/facts';
import { auditV1, identityV1, keyV1, roleV1 } from '@latchkey/proto';
import {
  client,
  createLogger,
  dialer,
  inOrder,
  type Logger,
  type OnRefused,
  type RunningApp,
  service,
  type ServiceRegistration,
  systemContext,
  startServer,
} from '@latchkey/service';
import { authorizationTable } from './authorization-service';
import { type KeyConfig } from './config';
import { type Deps } from './deps';
import { fillFrom } from './fill';
import { renewKey } from './key-delta';
import { keyStore } from './key-store';
import { legacyKeyTable } from './legacy-key-service';
import { legacySunsetStore } from './legacy-sunset-store';
import { memoryOf } from './memory';
import { Misses } from './misses';
import { personalTokenTable } from './personal-token-service';
import { refusedObject } from './refused-object';
import { remoteFacts } from './remote-facts';
import { roleChanges } from './role-change';
import { followUps } from './service-account';
import { serviceKeyTable } from './service-key-service';
import { tokenOwnerStore } from './token-owner-store';
import { usageStore } from './usage-store';
import { AUTHORIZATION_CODECS } from './wire';

const DATABASE = 'latchkey_key';
/** For the facts of one fill, ms: well within a lease. */
const FILL_MS = 2_000;

export interface KeyAppOptions {
  readonly log?: Logger;
  /** Tests end or hold the process between steps with it. */
  readonly checkpoint?: Checkpoint;
  /** For tests that show what breaks without the wait: what mutations wait for instead of the real barrier. */
  readonly barrier?: BarrierWrapper;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/** @throws Error with a readable sentence when the database, the certificates or the port cannot be had; nothing is left running then. */
export async function startKeyApp(
  config: KeyConfig,
  options: KeyAppOptions = {},
): Promise<RunningApp & { readonly port: number }> {
  const { checkpoint, now = Date.now } = options;
  const log = options.log ?? createLogger({ name: 'key', level: config.logLevel });
  return await inOrder(async (onStop) => {
    const database = await openDatabase(config.mongoUri, DATABASE);
    onStop(() => database.close());

    const coherence = await openCoherence({ ...config, log, barrier: options.barrier }, onStop);
    const { barrier } = coherence;
    const mutations = new Mutations({ connection: database, log, checkpoint, barrier, now: () => new Date(now()) });
    const keys = keyStore(database);
    const owners = tokenOwnerStore(database);
    const sunsets = legacySunsetStore(database);
    const lastUsed = usageStore(database);
    for (const store of [mutations, keys, owners, sunsets]) await store.prepare();

    const usage = new Usage({ write: (times) => lastUsed.advance(times), log, everyMs: config.usageFlushMs });
    usage.start();
    onStop(() => usage.stop());

    const dial = dialer({ tls: config.tls, log, checkpoint }, onStop);
    const identity = dial('identity', config.identityAddress);
    const role = dial('role', config.roleAddress);
    const source = remoteFacts({
      keys,
      sunsets,
      identity: client(identityV1.FactServiceClient, identity),
      role: client(roleV1.FactServiceClient, role),
    });
    const misses = new Misses(config.misses);
    const replica = new LiveReplica<Value>({
      ...coherence,
      kinds: ENTITY_KINDS,
      limits: config.memory,
      renew: renewKey,
      admit: (caller, subject) => misses.admit(caller, subject),
      load: fillFrom(source, () => systemContext('key', { log, timeoutMs: FILL_MS })),
      log,
    });
    replica.start();
    // Again after the server has stopped: for a start that fails before there is one.
    onStop(() => replica.leave());
    const memory = memoryOf(replica, now);
    const deps: Deps = {
      mutations,
      keys,
      owners,
      sunsets,
      usage: lastUsed,
      source,
      judge: judge({ memory, brand: config.brand, used: (keyId, nowMs) => usage.note(keyId, nowMs) }),
      holders: {
        parameters: coherence.parameters,
        open: replica.openHolder.bind(replica),
        // What this replica doesn't remember, it can't have brought to the holder; ids are not taken on trust.
        used: (keyId, nowMs) => {
          if (replica.remembers('key', keyId)) usage.note(keyId, Math.min(nowMs, memory.now(systemClock())));
        },
      },
      bindings: client(roleV1.BindingServiceClient, role),
      now,
      brand: config.brand,
      followUpDelayMs: config.followUpDelayMs,
    };

    const relay = new OutboxRelay({
      connection: database,
      handlers: { ...followUps(deps, log), ...roleChanges(deps, log), ...mutations.sweeper },
      log,
      checkpoint,
    });
    relay.start();
    onStop(() => relay.stop());

    const server = await startServer({
      listen: config.listen,
      tls: config.tls,
      services: keyServices(deps, config.checkers),
      frontEnds: config.frontEnds,
      guard: guardBy(deps.judge),
      log,
      onRefused: recordRefusal(mutations),
      // Of this service's own store alone: were it of others' too, services could wait for each other in a circle.
      ready: async () => {
        await ping(database);
        coherence.assertTrusted();
        if (!replica.serving) throw new Error('there is no lease yet: nothing may be answered from memory');
      },
      beforeEnd: () => replica.leave(),
    });
    onStop(() => server.stop());
    return { port: server.port };
  });
}

/** Every RPC of this service, with its rule. */
export function keyServices(deps: Deps, checkers: readonly string[]): ServiceRegistration[] {
  return [
    service(keyV1.PersonalTokenServiceService, personalTokenTable(deps)),
    service(keyV1.ServiceKeyServiceService, serviceKeyTable(deps)),
    service(keyV1.LegacyKeyServiceService, legacyKeyTable(deps)),
    service(keyV1.AuthorizationServiceService, authorizationTable(deps, checkers), AUTHORIZATION_CODECS),
    service(auditV1.AuditServiceService, auditTable(deps.mutations)),
  ];
}

/** Refused changes belong into the trail of the organization that they were tried in. */
function recordRefusal(mutations: Mutations): OnRefused {
  return async (ctx, request, error) => {
    await mutations.refused(ctx, { ...refusedObject(request), error });
  };
}
