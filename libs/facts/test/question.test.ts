import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { pathToString } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { DESCRIPTOR_SET_BASE64, keyV1 } from '@latchkey/proto';
import fc from 'fast-check';
import { questionError } from '../src/question';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTOR_SET_BASE64, 'base64')));
const validator = createValidator({ registry });
const schema = registry.getMessage('latchkey.key.v1.AuthorizeRequest');
if (!schema) throw new Error('the contract has no AuthorizeRequest');

/** What the contract itself says about a question. */
function brokenRules(check: keyV1.AuthorizeRequest): string[] {
  if (!schema) return [];
  const result = validator.validate(schema, fromBinary(schema, keyV1.AuthorizeRequest.encode(check).finish()));
  if (result.kind === 'error') throw result.error;
  const violations = result.kind === 'invalid' ? result.violations : [];
  return violations.map(({ field, ruleId }) => `${pathToString(field)} ${ruleId}`).sort();
}

// Around every limit, in bytes, in characters, and in characters that take two units of a string or four bytes.
const text = fc
  .tuple(fc.constantFrom('a', 'ü', '🔑'), fc.constantFrom(0, 1, 32, 63, 64, 65, 128, 129, 255, 256, 257))
  .map(([character, times]) => character.repeat(times));

test('a-batch-judges-each-question-by-the-rules-of-the-contract', () => {
  const check = fc.record({ key: text, permission: text, workspaceId: text, organizationId: text });
  fc.assert(
    fc.property(check, (asked) => {
      const found = questionError(asked)?.violations.map(({ field, rule }) => `${field} ${rule}`) ?? [];
      expect(found.sort()).toEqual(brokenRules(asked));
    }),
    { numRuns: 500 },
  );
});
