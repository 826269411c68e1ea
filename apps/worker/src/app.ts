import { identityV1, keyV1, roleV1 } from '@latchkey/proto';
import {
  client,
  type ConnectOptions,
  createLogger,
  dialer,
  inOrder,
  type Logger,
  type RunningApp,
  startServer,
} from '@latchkey/service';
import { type WorkerConfig } from './config';
import { startConsumer } from './consumer';
import { cleanUp, type Owners } from './user-deletion';

export interface WorkerAppOptions {
  readonly log?: Logger;
  /** Tests end or hold the process between steps with it. */
  readonly checkpoint?: ConnectOptions['checkpoint'];
}

/** @throws Error with a readable sentence when the certificates or the port cannot be had; nothing is left running then. */
export async function startWorkerApp(
  config: WorkerConfig,
  options: WorkerAppOptions = {},
): Promise<RunningApp & { readonly port: number }> {
  const { checkpoint } = options;
  const log = options.log ?? createLogger({ name: 'worker', level: config.logLevel });
  return await inOrder(async (onStop) => {
    const dial = dialer({ tls: config.tls, log, checkpoint }, onStop);
    const owners: Owners = {
      tokens: client(keyV1.PersonalTokenServiceClient, dial('key', config.keyAddress)),
      bindings: client(roleV1.BindingServiceClient, dial('role', config.roleAddress)),
      deletions: client(identityV1.DeletionServiceClient, dial('identity', config.identityAddress)),
    };

    const consumer = startConsumer(config.redisUrl, (event, signal) => cleanUp(event, owners, signal), log);
    onStop(() => consumer.stop());

    const server = await startServer({
      listen: config.listen,
      tls: config.tls,
      services: [],
      frontEnds: [],
      log,
      // A worker without Redis is no broken worker: it waits, and restarting it would help nobody.
      ready: () => Promise.resolve(),
    });
    onStop(() => server.stop());
    return { port: server.port };
  });
}
