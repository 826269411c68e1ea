import { openGuard } from '@latchkey/client/guard';
import { readFile } from 'node:fs/promises';
import {
  auditTable,
  type BarrierWrapper,
  type Checkpoint,
  Mutations,
  openCoherence,
  openDatabase,
  OutboxRelay,
  ping,
} from '@latchkey/coherence';
import { auditV1, identityV1, roleV1 } from '@latchkey/proto';
import {
  client,
  createLogger,
  dialer,
  inOrder,
  type Logger,
  type RunningApp,
  service,
  type ServiceRegistration,
  startServer,
  systemContext,
} from '@latchkey/service';
import { bindingTable } from './binding-service';
import { bindingStore } from './binding-store';
import { type WantedPermission } from './catalogue';
import { CatalogueFileError, parseCatalogue } from './catalogue-file';
import { catalogueStore } from './catalogue-store';
import { type RoleConfig } from './config';
import { type Deps } from './deps';
import { factTable } from './fact-service';
import { permissionTable } from './permission-service';
import { refusedObject } from './refused-object';
import { roleTable } from './role-service';
import { roleStore } from './role-store';
import { apply } from './rpc/apply-catalogue';
import { seatStore } from './seat-store';

const DATABASE = 'latchkey_role';

/** For the first catalogue to be written, ms. */
const FIRST_CATALOGUE_MS = 20_000;

export interface RoleOptions {
  readonly log?: Logger;
  /** For tests that end or hold the process between two steps. */
  readonly checkpoint?: Checkpoint;
  /** For tests that show what breaks without the wait: what mutations wait for instead of the real barrier. */
  readonly barrier?: BarrierWrapper;
  readonly now?: () => Date;
}

export interface RoleApp extends RunningApp {
  readonly port: number;
}

/**
 * Starts role: database, first catalogue, server. Whatever was started is stopped again when a later step fails.
 * @throws Error with a readable sentence, a catalogue file that cannot be read among them
 */
export async function startRoleApp(config: RoleConfig, options: RoleOptions = {}): Promise<RoleApp> {
  const { log = createLogger({ name: 'role', level: config.logLevel }), checkpoint, now } = options;
  return await inOrder(async (onStop) => {
    const database = await openDatabase(config.mongoUri, DATABASE);
    onStop(() => database.close());
    const coherence = await openCoherence({ ...config, log, barrier: options.barrier }, onStop);
    const { barrier } = coherence;
    const dial = dialer({ tls: config.tls, log, checkpoint }, onStop);
    const identity = client(identityV1.FactServiceClient, dial('identity', config.identityAddress));

    const deps: Deps = {
      mutations: new Mutations({ connection: database, log, checkpoint, now, barrier }),
      catalogues: catalogueStore(database),
      roles: roleStore(database),
      bindings: bindingStore(database),
      seats: seatStore(database),
      identity,
    };
    // Every collection and index before the first transaction, one after the other.
    for (const store of [deps.catalogues, deps.roles, deps.bindings, deps.seats, deps.mutations]) await store.prepare();
    const relay = new OutboxRelay({ connection: database, handlers: deps.mutations.sweeper, log, checkpoint });
    relay.start();
    onStop(() => relay.stop());
    await applyFirstCatalogue(deps, config.catalogueFile, log);

    const guard = openGuard(
      {
        address: config.keyAddress,
        tls: config.tls,
        log,
        findMember: async (organizationId, userId, ctx) => {
          const { fact } = await identity.findMemberFact({ organizationId, userId }, ctx);
          const { ACTIVE, SUSPENDED } = identityV1.MemberLiveness;
          return (
            fact && {
              memberId: fact.memberId,
              active: fact.liveness === ACTIVE,
              suspended: fact.liveness === SUSPENDED,
            }
          );
        },
      },
      onStop,
    );

    const server = await startServer({
      listen: config.listen,
      tls: config.tls,
      services: roleServices(deps, config.operators),
      frontEnds: config.frontEnds,
      guard,
      log,
      onRefused: (ctx, request, error) => deps.mutations.refused(ctx, { ...refusedObject(request), error }),
      // Of this service's own store alone: were it of others' too, services could wait for each other in a circle.
      ready: async () => {
        await ping(database);
        coherence.assertTrusted();
      },
    });
    onStop(() => server.stop());
    return { port: server.port };
  });
}

/** Every RPC of this service, with its rule. */
export function roleServices(deps: Deps, operators: readonly string[]): ServiceRegistration[] {
  return [
    service(roleV1.PermissionServiceService, permissionTable(deps, operators)),
    service(roleV1.RoleServiceService, roleTable(deps)),
    service(roleV1.BindingServiceService, bindingTable(deps)),
    service(roleV1.FactServiceService, factTable(deps)),
    service(auditV1.AuditServiceService, auditTable(deps.mutations)),
  ];
}

/** A deployment that has a catalogue keeps it, whatever the file says by now: changes go through ApplyCatalogue. */
async function applyFirstCatalogue(deps: Deps, file: string, log: Logger): Promise<void> {
  if ((await deps.catalogues.read()).version > 0) return;
  const wanted = readCatalogue(await readFile(file, 'utf8'), file);
  const ctx = systemContext('role', { log, timeoutMs: FIRST_CATALOGUE_MS });
  const action = { ...ctx, rpc: 'latchkey.role.v1.PermissionService/ApplyCatalogue' };
  const { version, added } = await apply(deps, wanted, action, { onlyFirst: true });
  log.info(
    { version, added },
    added > 0 ? 'the first catalogue is applied' : 'another replica has applied the catalogue',
  );
}

function readCatalogue(text: string, file: string): WantedPermission[] {
  try {
    return parseCatalogue(text);
  } catch (error) {
    if (error instanceof CatalogueFileError)
      throw new CatalogueFileError(`${file}, ${error.message}`, { cause: error });
    throw error;
  }
}
