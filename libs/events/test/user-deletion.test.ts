import { encodeUserDeletion, InvalidEventError, parseUserDeletion } from '@latchkey/events';
import fc from 'fast-check';

const suffix = fc
  .array(fc.constantFrom(...'0123456789abcdefghjkmnpqrstvwxyz'), { minLength: 25, maxLength: 25 })
  .map((letters) => `0${letters.join('')}`);
const event = fc.record({
  deletionId: suffix.map((id) => `del_${id}`),
  organizationId: suffix.map((id) => `org_${id}`),
  memberId: suffix.map((id) => `mem_${id}`),
});

test('what is encoded, sent through Redis as JSON and parsed is the same event', () => {
  fc.assert(
    fc.property(event, (sent) => {
      expect(parseUserDeletion(JSON.parse(JSON.stringify(encodeUserDeletion(sent))))).toEqual(sent);
    }),
  );
});

test('a field of a newer producer is ignored', () => {
  fc.assert(
    fc.property(event, (sent) => {
      expect(parseUserDeletion({ ...(encodeUserDeletion(sent) as object), invented: 1 })).toEqual(sent);
    }),
    { numRuns: 10 },
  );
});

test('a payload that breaks a rule is refused by name, and its values are not repeated', () => {
  const [good] = fc.sample(event, 1);
  const bad = { ...(good && (encodeUserDeletion(good) as object)), memberId: 'lk_pat_secret' };
  expect(() => parseUserDeletion(bad)).toThrow(InvalidEventError);
  expect(() => parseUserDeletion(bad)).toThrow(/^the payload breaks rules: member_id \(string\.pattern\)$/);
  for (const garbage of [undefined, null, 'lk_pat_secret', 7, [], { memberId: 7 }, {}]) {
    expect(() => parseUserDeletion(garbage)).toThrow(InvalidEventError);
    expect(() => parseUserDeletion(garbage)).not.toThrow(/secret/);
  }
});
