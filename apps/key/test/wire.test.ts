import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { newSecret } from '@latchkey/facts';
import { DESCRIPTOR_SET_BASE64, keyV1 } from '@latchkey/proto';
import fc from 'fast-check';
import { AUTHORIZE, BATCH_AUTHORIZE } from '../src/wire';
import { newId } from './world';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTOR_SET_BASE64, 'base64')));
const validator = createValidator({ registry });
const RUNS = { numRuns: 3_000 };

/** Whether the contract's rules let a request of these bytes pass, by its own runtime. */
function passes(name: string, bytes: Buffer): boolean {
  const schema = registry.getMessage(name);
  if (!schema) throw new Error(`the contract has no ${name}`);
  return validator.validate(schema, fromBinary(schema, bytes)).kind === 'valid';
}

const lengths = fc.constantFrom(0, 1, 29, 63, 64, 65, 127, 128, 129, 256, 257);
const text = fc
  .tuple(fc.constantFrom('a', 'a', 'a', 'ü', '🔑', '\u0000'), lengths)
  .map(([character, times]) => character.repeat(times));
const question = fc.record({ key: text, permission: text, workspaceId: text, organizationId: text });
const usual: keyV1.AuthorizeRequest = {
  key: newSecret('lk', 'PERSONAL', new Uint8Array(32).fill(1)),
  permission: 'projects:read',
  workspaceId: newId('ws'),
  organizationId: newId('org'),
};
const few = fc.array(fc.oneof(question, fc.constant(usual)), { maxLength: 4 });
const encodedQuestion = fc.oneof(question, fc.constant(usual)).map((asked) => keyV1.AuthorizeRequest.encode(asked));
const encodedBatch = few.map((checks) => keyV1.BatchAuthorizeRequest.encode({ checks }));

/** Bytes as clients write them, with one byte changed, cut off, or said twice. */
function damaged(encoded: fc.Arbitrary<{ finish(): Uint8Array }>): fc.Arbitrary<Buffer> {
  const change = fc.record({
    at: fc.nat(),
    byte: fc.nat(255),
    how: fc.constantFrom('not', 'changed', 'cut', 'doubled'),
  });
  return fc.tuple(encoded, change).map(([writer, { at, byte, how }]) => {
    const bytes = Buffer.from(writer.finish());
    const place = bytes.length === 0 ? 0 : at % bytes.length;
    if (how === 'cut') return bytes.subarray(0, place);
    if (how === 'doubled') return Buffer.concat([bytes, bytes]);
    if (how === 'changed' && bytes.length > 0) bytes[place] = byte;
    return bytes;
  });
}

describe('what is read by hand is what the generated code reads, and the contract lets it pass', () => {
  it('a question', () => {
    fc.assert(
      fc.property(fc.oneof(damaged(encodedQuestion), fc.uint8Array().map(Buffer.from)), (bytes) => {
        const read = AUTHORIZE.read(bytes);
        if (read === undefined) return;
        expect(read).toEqual(keyV1.AuthorizeRequest.decode(bytes));
        expect(passes('latchkey.key.v1.AuthorizeRequest', bytes)).toBe(true);
      }),
      RUNS,
    );
  });

  it('a batch', () => {
    fc.assert(
      fc.property(fc.oneof(damaged(encodedBatch), fc.uint8Array().map(Buffer.from)), (bytes) => {
        const read = BATCH_AUTHORIZE.read(bytes);
        if (read === undefined) return;
        expect(read).toEqual(keyV1.BatchAuthorizeRequest.decode(bytes));
        expect(passes('latchkey.key.v1.BatchAuthorizeRequest', bytes)).toBe(true);
        for (const check of read.checks) {
          const alone = Buffer.from(keyV1.AuthorizeRequest.encode(check).finish());
          expect(passes('latchkey.key.v1.AuthorizeRequest', alone)).toBe(true);
        }
      }),
      RUNS,
    );
  });

  it('and the usual ones are read by hand, up to the largest batch', () => {
    const checks = (count: number) => Array.from({ length: count }, () => usual);
    const batch = (count: number) =>
      Buffer.from(keyV1.BatchAuthorizeRequest.encode({ checks: checks(count) }).finish());
    expect(AUTHORIZE.read(Buffer.from(keyV1.AuthorizeRequest.encode(usual).finish()))).toEqual(usual);
    expect(BATCH_AUTHORIZE.read(batch(100))).toEqual({ checks: checks(100) });
    expect(BATCH_AUTHORIZE.read(batch(101))).toBeUndefined();
    expect(BATCH_AUTHORIZE.read(batch(0))).toBeUndefined();
  });
});

const principal = fc.record({
  organizationId: text,
  principalId: text,
  userId: text,
  keyId: text,
  narrowed: fc.boolean(),
});
const response = fc.record({
  allowed: fc.boolean(),
  reason: fc.constantFrom(...Object.values(keyV1.DecisionReason)),
  decisionId: text,
  principal: fc.option(principal, { nil: undefined }),
  legacy: fc.option(fc.constant({ sunsetTime: new Date(0) }), { nil: undefined, freq: 5 }),
});
const usualResponse: keyV1.AuthorizeResponse = {
  allowed: true,
  reason: keyV1.DecisionReason.ALLOWED,
  decisionId: `dec_0123456789abcdef-${'1'.repeat(9)}`,
  principal: {
    organizationId: newId('org'),
    principalId: newId('mem'),
    userId: newId('user'),
    keyId: newId('pat'),
    narrowed: false,
  },
  legacy: undefined,
};

describe('what is written by hand is what the generated code writes', () => {
  it('an answer', () => {
    fc.assert(
      fc.property(response, (answer) => {
        const written = AUTHORIZE.write(answer);
        if (written) expect(written).toEqual(Buffer.from(keyV1.AuthorizeResponse.encode(answer).finish()));
      }),
      RUNS,
    );
  });

  it('the answers of a batch', () => {
    const answered = fc.array(fc.oneof(response, fc.constant(usualResponse)), { maxLength: 3 });
    fc.assert(
      fc.property(answered, (answers) => {
        const results = answers.map((value) => ({ outcome: { $case: 'response' as const, value } }));
        const written = BATCH_AUTHORIZE.write({ results });
        if (written) expect(written).toEqual(Buffer.from(keyV1.BatchAuthorizeResponse.encode({ results }).finish()));
      }),
      RUNS,
    );
  });

  it('and the usual ones are written by hand, up to the largest batch', () => {
    expect(AUTHORIZE.write(usualResponse)).toBeDefined();
    const refused = { ...usualResponse, allowed: false, reason: keyV1.DecisionReason.PERMISSION_MISSING };
    const malformed = { ...refused, reason: keyV1.DecisionReason.MALFORMED_KEY, principal: undefined };
    const service = { ...usualResponse, principal: { ...usualResponse.principal!, userId: '', narrowed: true } };
    for (const answer of [refused, malformed, service]) expect(AUTHORIZE.write(answer)).toBeDefined();
    const results = Array.from({ length: 100 }, () => ({
      outcome: { $case: 'response' as const, value: usualResponse },
    }));
    expect(BATCH_AUTHORIZE.write({ results })).toBeDefined();
  });

  it.each([2, 64, 126])('and not where a text takes more bytes than it has characters: %d', (times) => {
    // At the end, where half of it would fill the place of all of it.
    const answer = { ...usualResponse, principal: { ...usualResponse.principal!, keyId: 'ü'.repeat(times) } };
    expect(AUTHORIZE.write(answer)).toBeUndefined();
    const results = Array.from({ length: 100 }, () => ({ outcome: { $case: 'response' as const, value: answer } }));
    expect(BATCH_AUTHORIZE.write({ results })).toBeUndefined();
  });

  it('and not where a question was refused by itself', () => {
    const error = { reason: 'INVALID_REQUEST', message: '', violations: [] };
    expect(BATCH_AUTHORIZE.write({ results: [{ outcome: { $case: 'error', value: error } }] })).toBeUndefined();
  });
});
