import { createFileRegistry, type DescMethod, type DescService, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { FileRegistry } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { DESCRIPTOR_SET_BASE64 } from '@latchkey/proto';

// What the generated code leaves out and a server needs: options, and the files as they were written.

export interface Contract {
  readonly registry: FileRegistry;
  /** Every file's FileDescriptorProto, for reflection. */
  readonly files: readonly Buffer[];
}

let loaded: Contract | undefined;

/** The protos that this code was generated from. Read on first use. */
export function contract(): Contract {
  if (!loaded) {
    const set = fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTOR_SET_BASE64, 'base64'));
    loaded = {
      registry: createFileRegistry(set),
      files: set.file.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file))),
    };
  }
  return loaded;
}

/** Full names of the services that the protos declare, sorted. */
export function contractServices(): string[] {
  const names: string[] = [];
  for (const type of contract().registry) if (type.kind === 'service') names.push(type.typeName);
  return names.sort();
}

/** @throws Error when the protos have no such service. */
export function describedService(name: string): DescService {
  const service = contract().registry.getService(name);
  if (!service) throw new Error(`the descriptor set has no service ${name}: run the generator again`);
  return service;
}

/** Whether the method changes state: everything that is not declared `NO_SIDE_EFFECTS`. */
export function isMutation(method: DescMethod): boolean {
  return method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}
