import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { type Path, pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator, type Validator } from '@bufbuild/protovalidate';
import { contract } from './contract';
import { AppError, type FieldViolation, internal, invalid } from './errors';

let validator: Validator | undefined;

const SECRET_FIELDS = new Set(['key', 'secret', 'password', 'token']);

/**
 * Checks the bytes of a request against the `buf.validate` rules of its message. protovalidate works on messages of its own
 * runtime, so the bytes are read twice, here and by the generated code.
 * @throws AppError INVALID_ARGUMENT: INVALID_REQUEST with every violation, MALFORMED_MESSAGE when they are no such message
 */
export function validateRequest(schema: DescMessage, bytes: Uint8Array): void {
  validator ??= createValidator({ registry: contract().registry });
  const result = validator.validate(
    schema,
    decoded(() => fromBinary(schema, bytes)),
  );
  if (result.kind === 'valid') return;
  if (result.kind === 'error') throw internal(result.error);
  throw invalid(result.violations.map(({ field, ruleId, message }) => violation(field, ruleId, message)));
}

/**
 * The result of a decoder of request bytes.
 * @throws AppError INVALID_ARGUMENT (MALFORMED_MESSAGE) where it throws: bad bytes are the caller's fault, not ours
 */
export function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'MALFORMED_MESSAGE',
      message: "the bytes are not a message of this method's request type",
      cause: error,
    });
  }
}

function violation(path: Path, rule: string, message: string): FieldViolation {
  const field = path.some((part) => part.kind === 'map_sub') ? pathToString(withoutMapKeys(path)) : pathToString(path);
  const secret = path.some((part) => part.kind === 'field' && SECRET_FIELDS.has(part.name));
  // A rule may quote the value in its message; what a secret was must not come back, and not enter anybody's logs.
  return { field, rule, description: secret || !message ? `breaks the rule ${rule}` : message };
}

// Map keys are the caller's own text, of any length.
function withoutMapKeys(path: Path): Path {
  return path.filter((part) => part.kind !== 'map_sub');
}
