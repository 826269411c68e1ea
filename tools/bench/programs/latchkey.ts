// The measured server: key's AuthorizationService as production serves it, over memory that production's fills have filled.
import { keyV1 } from '@latchkey/proto';
import { tuneV8, createLogger, service, startServer, type TlsFiles } from '@latchkey/service';
import { authorizationTable } from '../../../apps/key/src/authorization-service';
import { AUTHORIZATION_CODECS } from '../../../apps/key/src/wire';
import { Dataset, type Size } from '../data/dataset';
import { type Filled, filledReplica } from '../data/filled';
import { answering } from './answering';

export interface LatchkeyStart {
  readonly root: string;
  readonly tls: TlsFiles;
  readonly mongoUri: string;
  readonly redisUrl: string | undefined;
  readonly size: Size;
  /** How many members' keys are remembered before it serves. */
  readonly filled: number;
}

let filled: Filled | undefined;

// As runMain does.
tuneV8();

answering({
  async start(options: LatchkeyStart): Promise<{ port: number }> {
    const dataset = new Dataset(options.size, options.root);
    filled = await filledReplica({ mongoUri: options.mongoUri, redisUrl: options.redisUrl, dataset });
    await filled.fill(0, options.filled);
    const { judge, holders, brand } = filled;
    const { port } = await startServer({
      listen: '127.0.0.1:0',
      tls: options.tls,
      services: [
        service(
          keyV1.AuthorizationServiceService,
          authorizationTable({ judge, holders, brand }, ['ops']),
          AUTHORIZATION_CODECS,
        ),
      ],
      frontEnds: [],
      log: createLogger({ name: 'key', level: 'info', destination: process.stderr }),
      ready: () => Promise.resolve(),
    });
    return { port };
  },

  async fill({ from, to }: { from: number; to: number }): Promise<void> {
    await filled?.fill(from, to);
  },

  async stop(): Promise<void> {
    await filled?.stop();
  },
});
