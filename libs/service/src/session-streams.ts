import type { Http2Session } from 'node:http2';
import type * as grpc from '@grpc/grpc-js';
import { http2ServersOf } from './http2-servers';

/** No stream's number. */
const FREE = -1;

/**
 * What runs on an HTTP/2 session, by stream number, in place of the Map in which Node has it.
 *
 * A Map whose entries come and go gets a new table every few of them, and each table that it leaves points to the next. Once one has become
 * old, and every full collection makes one so, garbage among the old objects leads to all tables that follow: what calls leave behind is no longer
 * collected young. Each collection then takes several times as long, a full one is due every second or two, and it all begins
 * anew with that: docs/adr/0006-streams-in-arrays.md. Arrays whose places are used again hold nothing that is over.
 */
export class SessionStreams<Stream> implements Map<number, Stream> {
  readonly [Symbol.toStringTag] = 'SessionStreams';
  /** {@link FREE} where nothing runs. As long as the most that ever ran at once: few, so that to look through it is quick. */
  readonly #ids: number[] = [];
  /** In the same places. */
  readonly #streams: (Stream | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Stream | undefined {
    const place = this.#ids.indexOf(id);
    return place < 0 ? undefined : this.#streams[place];
  }

  has(id: number): boolean {
    return this.#ids.includes(id);
  }

  set(id: number, stream: Stream): this {
    let place = this.#ids.indexOf(id);
    if (place < 0) {
      place = this.#ids.indexOf(FREE);
      if (place < 0) place = this.#ids.length;
      this.#size += 1;
    }
    this.#ids[place] = id;
    this.#streams[place] = stream;
    return this;
  }

  delete(id: number): boolean {
    const place = this.#ids.indexOf(id);
    if (place < 0) return false;
    this.#ids[place] = FREE;
    this.#streams[place] = undefined;
    this.#size -= 1;
    return true;
  }

  clear(): void {
    for (const id of this.keys()) this.delete(id);
  }

  /** Those that run as it begins, as all of these: whoever is called may end some. */
  forEach(each: (stream: Stream, id: number, all: Map<number, Stream>) => void, self?: unknown): void {
    for (const [id, stream] of this.entries()) each.call(self, stream, id, this);
  }

  entries(): MapIterator<[number, Stream]> {
    return this.#ids
      .flatMap((id, place): [number, Stream][] => (id === FREE ? [] : [[id, this.#streams[place]!]]))
      .values();
  }

  keys(): MapIterator<number> {
    return this.#ids.filter((id) => id !== FREE).values();
  }

  values(): MapIterator<Stream> {
    return [...this.entries()].map(([, stream]) => stream).values();
  }

  [Symbol.iterator](): MapIterator<[number, Stream]> {
    return this.entries();
  }
}

/** Gives each connection of the server one, from now on. A Node that has its streams elsewhere keeps them there. */
export function letCallsDieYoung(server: grpc.Server): void {
  for (const http2Server of http2ServersOf(server).keys()) http2Server.prependListener('session', replaceStreams);
}

function replaceStreams(session: Http2Session): void {
  const key = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state');
  const state: unknown = key && Reflect.get(session, key);
  if (!isState(state) || state.streams.size > 0) return;
  state.streams = new SessionStreams();
}

/** As in Node 20 to 24, where the Map is of a class of Node's own. */
function isState(state: unknown): state is { streams: Pick<Map<number, unknown>, 'size'> } {
  const streams: unknown = typeof state === 'object' && state !== null && 'streams' in state && state.streams;
  return typeof streams === 'object' && streams !== null && 'size' in streams && typeof streams.size === 'number';
}
