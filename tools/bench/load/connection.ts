import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { type TlsFiles } from '@latchkey/service';
import { headerBlocks, type HeaderBlocks } from './hpack';

/** The answer's message, or undefined for a call that ended without one: refused by a status, or cut off. */
export type OnAnswer = (message: Buffer | undefined) => void;

/** Calls under way at every moment of a closed loop, on all connections together. */
export const CALLERS = 16;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const HEADER_BYTES = 9;
const GRPC_PREFIX = 5;
const WINDOW = 2 ** 30;
const INITIAL_WINDOW = 65_535;

/**
 * One HTTP/2 connection over mTLS that sends unary calls from frames made beforehand. It costs a tenth of grpc-js, so that
 * the server is what is busy, and it is the same for every server that is compared.
 */
export class LoadConnection {
  readonly #socket: TLSSocket;
  readonly #blocks: HeaderBlocks;
  readonly #calls = new Map<number, { readonly answered: OnAnswer; message: Buffer | undefined }>();
  readonly #held: { readonly message: Buffer; readonly answered: OnAnswer }[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #stream = 1;
  #window = INITIAL_WINDOW;
  #received = 0;

  private constructor(socket: TLSSocket, path: string) {
    this.#socket = socket;
    this.#blocks = headerBlocks(path);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => this.#cut());
    // SETTINGS_INITIAL_WINDOW_SIZE, and as much for the connection: answers never wait for us.
    socket.write(
      Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, setting(4, WINDOW)), frame(WINDOW_UPDATE, 0, 0, uint32(WINDOW))]),
    );
  }

  static open(port: number, tls: TlsFiles, path: string): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const material = { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
      const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ALPNProtocols: ['h2'], ...material });
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(new LoadConnection(socket, path)));
    });
  }

  /** @param message with its gRPC prefix: see {@link framed} */
  call(message: Buffer, answered: OnAnswer): void {
    if (message.length > this.#window || this.#held.length > 0) this.#held.push({ message, answered });
    else this.#send(message, answered);
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(message: Buffer, answered: OnAnswer): void {
    const id = this.#stream;
    this.#stream += 2;
    this.#window -= message.length;
    this.#calls.set(id, { answered, message: undefined });
    const block = id === 1 ? this.#blocks.first : this.#blocks.further;
    const bytes = Buffer.allocUnsafe(2 * HEADER_BYTES + block.length + message.length);
    putHeader(bytes, 0, block.length, HEADERS, END_HEADERS, id);
    block.copy(bytes, HEADER_BYTES);
    putHeader(bytes, HEADER_BYTES + block.length, message.length, DATA, END_STREAM, id);
    message.copy(bytes, 2 * HEADER_BYTES + block.length);
    this.#socket.write(bytes);
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + HEADER_BYTES + length;
      if (end > bytes.length) break;
      this.#frame(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5), bytes.subarray(at + HEADER_BYTES, end));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === DATA) this.#data(stream, payload);
    else if (type === WINDOW_UPDATE && stream === 0) this.#widen(payload.readUInt32BE());
    else if (type === SETTINGS && (flags & ACK) === 0) this.#socket.write(frame(SETTINGS, ACK, 0));
    else if (type === PING && (flags & ACK) === 0) this.#socket.write(frame(PING, ACK, 0, payload));
    else if (type === RST_STREAM) this.#end(stream);
    else if (type === GOAWAY) this.#socket.end();
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) this.#end(stream);
  }

  #data(stream: number, payload: Buffer): void {
    this.#received += payload.length;
    if (this.#received > WINDOW / 2) {
      this.#socket.write(frame(WINDOW_UPDATE, 0, 0, uint32(this.#received)));
      this.#received = 0;
    }
    const call = this.#calls.get(stream);
    if (call) call.message = call.message === undefined ? payload : Buffer.concat([call.message, payload]);
  }

  #widen(by: number): void {
    this.#window += by;
    for (let next = this.#held[0]; next !== undefined && next.message.length <= this.#window; next = this.#held[0]) {
      this.#held.shift();
      this.#send(next.message, next.answered);
    }
  }

  #end(stream: number): void {
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    this.#calls.delete(stream);
    call.answered(call.message?.subarray(GRPC_PREFIX));
  }

  #cut(): void {
    for (const stream of [...this.#calls.keys()]) {
      const call = this.#calls.get(stream);
      this.#calls.delete(stream);
      call?.answered(undefined);
    }
  }
}

/** A message with the five bytes that gRPC puts before it. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(GRPC_PREFIX);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  putHeader(header, 0, payload.length, type, flags, stream);
  return Buffer.concat([header, payload]);
}

function putHeader(bytes: Buffer, at: number, length: number, type: number, flags: number, stream: number): void {
  bytes.writeUIntBE(length, at, 3);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes.writeUInt32BE(stream, at + 5);
}

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
