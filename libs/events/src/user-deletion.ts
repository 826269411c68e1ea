import { createFileRegistry, fromBinary, fromJson, type JsonValue, toBinary, toJson } from '@bufbuild/protobuf';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { DESCRIPTOR_SET_BASE64, eventsV1 } from '@latchkey/proto';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTOR_SET_BASE64, 'base64')));
const validator = createValidator({ registry });
const TYPE = 'latchkey.events.v1.UserDeletionRequested';
const found = registry.getMessage(TYPE);
if (!found) throw new Error(`the contract has no ${TYPE}`);
const schema = found;

/** A payload that no retry makes readable. Its message names the field and the rule, never the value. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError';
}

/** The job's data: protobuf JSON, so that an operator can read it in the queue. */
export function encodeUserDeletion(event: eventsV1.UserDeletionRequested): JsonValue {
  return toJson(schema, fromBinary(schema, eventsV1.UserDeletionRequested.encode(event).finish()), { registry });
}

/**
 * Reads a job's data. Fields that this version does not know are ignored: the producer may be newer.
 * @throws InvalidEventError
 */
export function parseUserDeletion(data: unknown): eventsV1.UserDeletionRequested {
  let message;
  try {
    message = fromJson(schema, data as JsonValue, { registry, ignoreUnknownFields: true });
  } catch {
    // Without its cause: the parser's own message quotes what it read.
    throw new InvalidEventError(`the payload is no ${TYPE} in protobuf JSON`);
  }
  const result = validator.validate(schema, message);
  if (result.kind === 'error') throw result.error;
  if (result.kind === 'invalid') {
    const broken = result.violations.map(({ field, ruleId }) => `${pathToString(field)} (${ruleId})`);
    throw new InvalidEventError(`the payload breaks rules: ${broken.join(', ')}`);
  }
  return eventsV1.UserDeletionRequested.decode(toBinary(schema, message));
}
