import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type * as grpc from '@grpc/grpc-js';
import { HealthImplementation, service as healthService } from 'grpc-health-check';
import { type Logger } from './logger';

export const HEALTH_SERVICE = 'grpc.health.v1.Health';

const PROBE_MS = 1_000;
const PROBE_LIMIT_MS = 2_000;
// One slow answer of a busy store is no outage.
const FAILURES_UNTIL_DOWN = 2;

/**
 * The standard health service: SERVING while the app says so and its own store answers. Nobody else's health counts, or
 * services that wait for each other would never become ready.
 */
export class Health {
  private readonly implementation: HealthImplementation;
  private readonly names: readonly string[];
  private wanted = true;
  private ready = false;
  private failures = 0;
  private probing = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    services: readonly string[],
    private readonly probe: () => Promise<void>,
    private readonly log: Logger,
  ) {
    this.names = ['', ...services];
    this.implementation = new HealthImplementation(
      Object.fromEntries(this.names.map((name) => [name, 'NOT_SERVING' as const])),
    );
  }

  addTo(server: grpc.Server): void {
    this.implementation.addToServer(server);
  }

  /** Resolves after the first probe, whatever it said. */
  async start(): Promise<void> {
    await this.check();
    this.timer = setInterval(() => {
      this.check().catch((error: unknown) => this.log.error({ err: error }, 'the health check broke'));
    }, PROBE_MS).unref();
  }

  set(serving: boolean): void {
    this.wanted = serving;
    this.publish();
  }

  stop(): void {
    clearInterval(this.timer);
    this.set(false);
  }

  private async check(): Promise<void> {
    // A probe that hangs is not joined by another one each second.
    if (this.probing) return this.failed(new Error('the probe of before has not ended'));
    this.probing = true;
    const probe = this.probe().finally(() => {
      this.probing = false;
    });
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_LIMIT_MS} ms`)), PROBE_LIMIT_MS);
    });
    try {
      await Promise.race([probe, limit]);
      if (!this.ready) this.log.info('ready');
      this.failures = 0;
      this.ready = true;
    } catch (error) {
      this.failed(error);
    } finally {
      clearTimeout(timer);
      this.publish();
    }
  }

  private failed(error: unknown): void {
    this.failures++;
    if (this.failures === FAILURES_UNTIL_DOWN || !this.ready) this.log.warn({ err: error }, 'not ready');
    if (this.failures >= FAILURES_UNTIL_DOWN) this.ready = false;
    this.publish();
  }

  private publish(): void {
    const status = this.wanted && this.ready ? 'SERVING' : 'NOT_SERVING';
    for (const name of this.names) this.implementation.setStatus(name, status);
  }
}

/** FileDescriptorProtos of the health service, which reflection shows beside ours. */
export function healthFiles(): Buffer[] {
  return Object.values(healthService).flatMap((method) => {
    const type: unknown = Reflect.get(method, 'requestType');
    const files: unknown = typeof type === 'object' && type !== null ? Reflect.get(type, 'fileDescriptorProtos') : [];
    return Array.isArray(files) ? files.filter((file) => Buffer.isBuffer(file)).map(withMapEntryNames) : [];
  });
}

/**
 * The package names the entry type of a map "Statuses" where every protobuf compiler says "StatusesEntry"; strict readers of
 * descriptors, grpcurl and buf among them, refuse that.
 */
function withMapEntryNames(bytes: Buffer): Buffer {
  const file = fromBinary(FileDescriptorProtoSchema, bytes);
  for (const message of file.messageType) {
    for (const entry of message.nestedType) {
      if (!entry.options?.mapEntry || entry.name.endsWith('Entry')) continue;
      const named = `${entry.name}Entry`;
      for (const field of message.field) {
        if (field.typeName.endsWith(`.${message.name}.${entry.name}`) || field.typeName === entry.name) {
          field.typeName = field.typeName.slice(0, -entry.name.length) + named;
        }
      }
      entry.name = named;
    }
  }
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file));
}
