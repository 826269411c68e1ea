import { openGuard } from '@latchkey/client/guard';
import {
  auditTable,
  type BarrierWrapper,
  type Checkpoint,
  Mutations,
  openCoherence,
  OutboxRelay,
  ping,
} from '@latchkey/coherence';
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
  startServer,
} from '@latchkey/service';
import { type IdentityConfig } from './config';
import { deletionQueue } from './deletion-queue';
import { deletionTable } from './deletion-service';
import { type Deps } from './deps';
import { factTable } from './fact-service';
import { openIdentityStore } from './identity-store';
import { memberTable } from './member-service';
import { organizationTable } from './organization-service';
import { outboxHandlers } from './outbox';
import { refusedObject } from './refused-object';
import { userTable } from './user-service';
import { workspaceTable } from './workspace-service';

export interface IdentityOptions {
  readonly log?: Logger;
  /** For tests that end or hold the process between two steps. */
  readonly checkpoint?: Checkpoint;
  /** For tests that show what breaks without the wait: what mutations wait for instead of the real barrier. */
  readonly barrier?: BarrierWrapper;
  readonly now?: () => Date;
}

export interface IdentityApp extends RunningApp {
  readonly port: number;
}

/** Starts identity: database, relay, server. Whatever was started is stopped again when a later step fails. */
export async function startIdentityApp(config: IdentityConfig, options: IdentityOptions = {}): Promise<IdentityApp> {
  const { log = createLogger({ name: 'identity', level: config.logLevel }), checkpoint, now } = options;
  return await inOrder(async (onStop) => {
    const store = await openIdentityStore(config.mongoUri);
    onStop(() => store.connection.close());
    const { connection } = store;
    const coherence = await openCoherence({ ...config, log, barrier: options.barrier }, onStop);
    const { barrier } = coherence;
    const dial = dialer({ tls: config.tls, log, checkpoint }, onStop);
    const role = dial('role', config.roleAddress);
    const key = dial('key', config.keyAddress);

    // The relay is made of what the mutations are made of, and they wake it.
    let poke = (): void => undefined;
    const testing = { ...(checkpoint && { checkpoint }), ...(now && { now }) };
    const mutations = new Mutations({ connection, log, barrier, afterEnqueue: () => poke(), ...testing });
    const deps: Deps = {
      log,
      config,
      ...store.stores,
      mutations,
      bindings: client(roleV1.BindingServiceClient, role),
      serviceKeys: client(keyV1.ServiceKeyServiceClient, key),
    };
    await store.prepare();
    await mutations.prepare();

    const queue = deletionQueue(config.redisUrl, log);
    onStop(() => queue.close());
    const { deletionPendingTooLongMs } = config;
    const handlers = { ...outboxHandlers(deps, { queue, deletionPendingTooLongMs }), ...mutations.sweeper };
    const relay = new OutboxRelay({ connection, handlers, log, ...testing });
    poke = () => relay.poke();
    relay.start();
    onStop(() => relay.stop());

    const guard = openGuard(
      {
        address: config.keyAddress,
        tls: config.tls,
        log,
        findMember: async (organizationId, userId) => {
          const member = await store.stores.members.findLiveFact(organizationId, userId);
          return (
            member && {
              memberId: member._id,
              active: member.state === 'ACTIVE',
              suspended: member.state === 'SUSPENDED',
            }
          );
        },
      },
      onStop,
    );

    const server = await startServer({
      listen: config.listen,
      tls: config.tls,
      services: identityServices(deps),
      frontEnds: config.frontEnds,
      guard,
      log,
      onRefused: recordRefusal(deps),
      ready: async () => {
        await ping(connection);
        coherence.assertTrusted();
      },
    });
    onStop(() => server.stop());
    return { port: server.port };
  });
}

/** Every RPC of this service, with its rule. */
export function identityServices(deps: Deps): ServiceRegistration[] {
  return [
    service(identityV1.OrganizationServiceService, organizationTable(deps)),
    service(identityV1.WorkspaceServiceService, workspaceTable(deps)),
    service(identityV1.UserServiceService, userTable(deps)),
    service(identityV1.MemberServiceService, memberTable(deps)),
    service(identityV1.DeletionServiceService, deletionTable(deps)),
    service(identityV1.FactServiceService, factTable(deps)),
    service(auditV1.AuditServiceService, auditTable(deps.mutations)),
  ];
}

function recordRefusal({ mutations }: Pick<Deps, 'mutations'>): OnRefused {
  return async (ctx, request, error) => {
    await mutations.refused(ctx, { ...refusedObject(request), error });
  };
}
