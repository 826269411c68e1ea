import { readFileSync } from 'node:fs';
import * as grpc from '@grpc/grpc-js';
import type { TlsFiles } from './certificates';

/** Channel credentials with the client certificate of these files. */
export function channelCredentials(tls: TlsFiles): grpc.ChannelCredentials {
  return grpc.credentials.createSsl(readFileSync(tls.ca), readFileSync(tls.key), readFileSync(tls.cert));
}

/**
 * Asks grpc.health.v1 over mTLS whether the server at `address` is SERVING.
 * Resolves to the reason if it is not, to undefined if it is; never rejects. Takes a second at most.
 */
export async function notServing(address: string, tls: TlsFiles): Promise<string | undefined> {
  const client = new grpc.Client(address, channelCredentials(tls));
  try {
    const answer = await new Promise<Buffer>((resolve, reject) => {
      // Two messages of one field each: not worth a generated client. An empty request asks for the whole server.
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.alloc(0),
        { deadline: Date.now() + 1_000 },
        (error, response) =>
          error === null && response !== undefined ? resolve(response) : reject(error ?? new Error('no answer')),
      );
    });
    // Field 1, varint; SERVING = 1.
    return answer.length === 2 && answer[0] === 0x08 && answer[1] === 1
      ? undefined
      : 'it reports that it is not serving';
  } catch (error) {
    return (error as Error).message;
  } finally {
    client.close();
  }
}
