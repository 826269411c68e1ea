/** A request's headers as HPACK: put into the peer's table by the first request of a connection, an index each from then on. */
export interface HeaderBlocks {
  readonly first: Buffer;
  readonly further: Buffer;
}

/** RFC 7541, appendix A: of what every call sends alike, what has a place in the static table. */
const METHOD_POST = 0x83;
const SCHEME_HTTPS = 0x87;
const NAMES: Readonly<Record<string, number>> = { ':authority': 1, ':path': 4, 'content-type': 31, 'user-agent': 58 };
const INDEXED = 0x80;
const INCREMENTAL = 0x40;
const FIRST_DYNAMIC = 62;

export function headerBlocks(path: string): HeaderBlocks {
  const headers = [
    [':path', path],
    [':authority', 'localhost'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'latchkey-bench'],
    ['grpc-accept-encoding', 'identity,deflate,gzip'],
    ['grpc-timeout', '10S'],
  ] as const;
  const literals = headers.map(([name, value]) => {
    const index = NAMES[name];
    const named = index === undefined ? [Buffer.of(INCREMENTAL), text(name)] : [Buffer.of(INCREMENTAL | index)];
    return Buffer.concat([...named, text(value)]);
  });
  // The newest entry has the lowest number.
  const indexes = headers.map((_, i) => INDEXED | (FIRST_DYNAMIC + headers.length - 1 - i));
  return {
    first: Buffer.concat([Buffer.of(METHOD_POST, SCHEME_HTTPS), ...literals]),
    further: Buffer.of(METHOD_POST, SCHEME_HTTPS, ...indexes),
  };
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(value.length), Buffer.from(value, 'latin1')]);
}
