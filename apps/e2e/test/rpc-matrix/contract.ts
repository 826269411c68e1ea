import { createFileRegistry, type DescField, type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { auditV1, DESCRIPTOR_SET_BASE64, identityV1, keyV1, roleV1 } from '@latchkey/proto';
import { type CallOptions, type Endpoints, openClient } from '@latchkey/testing';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTOR_SET_BASE64, 'base64')));
const validator = createValidator({ registry });

/** Every unary RPC of the contract, as "identity.v1.MemberService/AddMember". The one stream has watch-grants.test.ts. */
export const CONTRACT_RPCS: string[] = [];
/** Those of them that change something: all but the ones that are declared NO_SIDE_EFFECTS. */
export const CONTRACT_CHANGES: string[] = [];

for (const service of registry) {
  if (service.kind !== 'service' || !service.typeName.startsWith('latchkey.')) continue;
  for (const method of service.methods) {
    if (method.methodKind !== 'unary' && method.name === 'WatchGrants') continue;
    const rpc = `${service.typeName}/${method.name}`.replace(/^latchkey\./, '');
    CONTRACT_RPCS.push(rpc);
    if (method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) CONTRACT_CHANGES.push(rpc);
  }
}

const CLIENTS = [
  ...[identityV1, roleV1, keyV1].flatMap((pkg) => Object.values(pkg)),
  auditV1.AuditServiceClient,
].filter(
  (value): value is typeof identityV1.MemberServiceClient => typeof value === 'function' && 'serviceName' in value,
);

/** A method of the contract, found by its name, to be called with a request of any shape. */
export interface Method {
  call(request: object, options?: CallOptions): Promise<unknown>;
  /** The fields of its request that can be malformed. */
  fields: DescField[];
  /** A request like this one in which `field` breaks a rule; undefined when nothing that we try breaks one. */
  malform(request: object, field: DescField): object | undefined;
  close(): void;
}

function inputOf(rpc: string): DescMessage {
  const [serviceName = '', methodName] = `latchkey.${rpc}`.split('/');
  const input = registry.getService(serviceName)?.methods.find((method) => method.name === methodName)?.input;
  if (!input) throw new Error(`the contract has no ${rpc}`);
  return input;
}

/** Whether repeats of it are told from new requests. */
export const takesRequestId = (rpc: string): boolean =>
  inputOf(rpc).fields.some(({ localName }) => localName === 'requestId');

/** `service` says which address to use: identity, role or key. */
export function openMethod(
  rpc: string,
  service: 'identity' | 'role' | 'key',
  endpoints: Endpoints,
  tls: { ca: string; cert?: string; key?: string },
): Method {
  const [serviceName, methodName] = `latchkey.${rpc}`.split('/');
  const Client = CLIENTS.find((client) => client.serviceName === serviceName);
  const input = inputOf(rpc);
  if (!Client || !methodName) throw new Error(`the contract has no ${rpc}`);
  const { calls, close } = openClient(Client, endpoints[service].address, tls);
  const name = methodName.charAt(0).toLowerCase() + methodName.slice(1);
  const definitions: Record<string, Serializer> = Client.service as unknown as Record<string, Serializer>;
  const definition = definitions[name];
  if (!definition) throw new Error(`the generated client has no ${rpc}`);
  return {
    call: (calls as unknown as Record<string, Method['call']>)[name] as Method['call'],
    // A bool has no malformed value.
    fields: input.fields.filter((field) => field.fieldKind !== 'scalar' || field.scalar !== BOOL),
    malform: (request, field) =>
      candidates(field)
        .map((value) => ({ ...definition.requestDeserialize(Buffer.alloc(0)), ...request, [field.localName]: value }))
        .find((broken) => breaks(input, definition.requestSerialize(broken), field)),
    close,
  };
}

interface Serializer {
  requestSerialize(value: object): Buffer;
  requestDeserialize(bytes: Buffer): object;
}

function breaks(input: DescMessage, bytes: Buffer, field: DescField): boolean {
  const result = validator.validate(input, fromBinary(input, bytes));
  if (result.kind !== 'invalid') return false;
  return result.violations.some(({ field: path }) => path[0]?.kind === 'field' && path[0].name === field.name);
}

/** Values that a careless or hostile caller might send in such a field. */
function candidates(field: DescField): unknown[] {
  switch (field.fieldKind) {
    case 'scalar':
      return ['!!', '', 'x'.repeat(300), -1, 1_000_000].filter(
        (value) => (typeof value === 'string') === isText(field.scalar),
      );
    case 'enum':
      return [field.enum.values[0]?.name];
    case 'message':
      return [undefined, ...badMessages(field.message)];
    case 'list':
      return [[], ['!!'], ...(field.message ? [[brokenElement(field.message)]] : [])].filter(
        (value) => !field.message || typeof value[0] !== 'string',
      );
    case 'map':
      return [];
  }
}

/** By how the generated code writes them: a Timestamp is a Date, a Duration has a bigint. */
function badMessages(message: DescMessage): unknown[] {
  if (message.typeName === 'google.protobuf.Timestamp') return [new Date(0)];
  if (message.typeName === 'google.protobuf.Duration') return [{ seconds: -1n, nanos: 0 }];
  return [brokenElement(message)];
}

function brokenElement(message: DescMessage): object {
  return Object.fromEntries(
    message.fields.map((field) => [
      field.localName,
      field.fieldKind === 'list'
        ? isTextList(field)
          ? ['!!']
          : []
        : field.fieldKind === 'enum'
          ? field.enum.values[0]?.name
          : '!!',
    ]),
  );
}

// ScalarType.BOOL of descriptor.proto.
const BOOL = 8;

// ScalarType.STRING and BYTES of descriptor.proto.
const isText = (scalar: number): boolean => scalar === 9 || scalar === 12;

const isTextList = (field: DescField & { fieldKind: 'list' }): boolean =>
  field.listKind === 'scalar' && isText(field.scalar);
