// What any grpc-js service with these messages costs: same options, same TLS, same sizes, same collector, a constant answer,
// nothing else.
import { readFileSync } from 'node:fs';
import * as grpc from '@grpc/grpc-js';
import { keyV1 } from '@latchkey/proto';
import { letCallsDieYoung, tuneV8, type TlsFiles } from '@latchkey/service';
import { answering } from './answering';

export interface EchoStart {
  readonly tls: TlsFiles;
  /** `messages`: decodes the request and encodes the answer; `bytes`: neither. */
  readonly codec: 'messages' | 'bytes';
}

const ANSWER: keyV1.AuthorizeResponse = {
  allowed: true,
  reason: keyV1.DecisionReason.ALLOWED,
  decisionId: 'dec_0123456789abcdef-1234567',
  principal: {
    organizationId: 'org_01k00000000000000000000001',
    principalId: 'mem_01k00000000000000000000001',
    userId: 'user_01k00000000000000000000001',
    keyId: 'pat_01k00000000000000000000001',
    narrowed: false,
  },
  legacy: undefined,
};

const { authorize } = keyV1.AuthorizationServiceService;

function method(codec: EchoStart['codec']): grpc.MethodDefinition<unknown, unknown> {
  const asBytes = {
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: unknown) => bytes as Buffer,
  };
  return { ...(authorize as grpc.MethodDefinition<unknown, unknown>), ...(codec === 'bytes' && asBytes) };
}

tuneV8();

answering({
  async start({ tls, codec }: EchoStart): Promise<{ port: number }> {
    // As libs/service sets them.
    const server = new grpc.Server({
      'grpc.max_receive_message_length': 64 * 1024,
      'grpc.enable_channelz': 0,
      'grpc.max_concurrent_streams': 1_000,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.max_connection_age_ms': 300_000,
      'grpc.max_connection_age_grace_ms': 15_000,
    });
    const common: unknown = Reflect.get(server, 'commonServerOptions');
    Object.assign(common as object, { streamResetBurst: 100_000, streamResetRate: 10_000 });
    const constant = codec === 'messages' ? ANSWER : authorize.responseSerialize(ANSWER);
    server.addService(
      { authorize: method(codec) },
      {
        authorize: (_call: unknown, done: grpc.sendUnaryData<unknown>) => done(null, constant),
      },
    );
    const pair = { private_key: readFileSync(tls.key), cert_chain: readFileSync(tls.cert) };
    const credentials = grpc.ServerCredentials.createSsl(readFileSync(tls.ca), [pair], true);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
    letCallsDieYoung(server);
    return { port };
  },
});
