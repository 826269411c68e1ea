import { ENTITY_KINDS, type HolderEnd } from '@latchkey/coherence';
import { downMessage, heardAbove, MINUTE_MS } from '@latchkey/facts';
import { type keyV1 } from '@latchkey/proto';
import { type StreamContext, type StreamHandler, type StreamPeer } from '@latchkey/service';
import { type Deps } from '../deps';
import { holderMessageOutOfPlace, holderTooOld } from '../errors';

export const watchGrants =
  ({ holders, brand }: Pick<Deps, 'holders' | 'brand'>) =>
  (peer: StreamPeer<keyV1.WatchGrantsResponse>, { caller }: StreamContext): StreamHandler<keyV1.WatchGrantsRequest> => {
    let holder: HolderEnd | undefined;
    const welcome = ({ process, kinds }: keyV1.HolderHello): HolderEnd => {
      const missing = ENTITY_KINDS.filter((kind) => !kinds.includes(kind));
      if (missing.length > 0) throw holderTooOld(missing);
      const { leaseMs, pollMs } = holders.parameters;
      const terms = { leaseMs: BigInt(leaseMs), pollMs: BigInt(pollMs), brand };
      peer.send({ message: { $case: 'terms', value: terms } });
      return holders.open(process, caller, {
        send: (message) => peer.send(downMessage(message)),
        end: () => peer.end(),
      });
    };
    return {
      received: (request) => {
        const hello = request.message?.$case === 'hello' ? request.message.value : undefined;
        // The first word, and no other.
        if ((hello === undefined) !== (holder !== undefined)) throw holderMessageOutOfPlace();
        if (hello) holder = welcome(hello);
        if (request.message?.$case === 'used') {
          for (const { keyId, minute } of request.message.value.keys) holders.used(keyId, Number(minute) * MINUTE_MS);
        }
        const message = heardAbove(request);
        if (message) holder?.said(message);
      },
      expiring: () => peer.send(downMessage({ type: 'leaving' })),
      closed: () => holder?.closed(),
    };
  };
