import { identityV1, keyV1, roleV1 } from '@latchkey/proto';
import {
  client,
  connect,
  type ConnectOptions,
  createLogger,
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
  const closing: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const open = (serviceName: string, address: string) => {
      const onBadCertificates = (error: Error) =>
        log.error({ err: error }, 'new certificates cannot be used, the old ones go on');
      const connection = connect({ address, serviceName, tls: config.tls, checkpoint, onBadCertificates });
      closing.push(() => connection.close());
      return connection;
    };
    const owners: Owners = {
      tokens: client(keyV1.PersonalTokenServiceClient, open('key', config.keyAddress)),
      bindings: client(roleV1.BindingServiceClient, open('role', config.roleAddress)),
      deletions: client(identityV1.DeletionServiceClient, open('identity', config.identityAddress)),
    };

    const consumer = startConsumer(config.redisUrl, (event, signal) => cleanUp(event, owners, signal), log);
    closing.push(() => consumer.stop());

    const server = await startServer({
      listen: config.listen,
      tls: config.tls,
      services: [],
      frontEnds: [],
      log,
      // A worker without Redis is no broken worker: it waits, and restarting it would help nobody.
      ready: () => Promise.resolve(),
    });
    closing.push(() => server.stop());
    return { port: server.port, stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}
