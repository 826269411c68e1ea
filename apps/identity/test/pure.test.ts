import * as fc from 'fast-check';
import { identityConfig } from '../src/config';
import { jobId } from '../src/deletion';
import { joiningOf, joiningPayload } from '../src/joining';
import { refusedObject } from '../src/refused-object';
import { normalizedEmail, toUser } from '../src/user';
import { workspaceKey } from '../src/workspace';

const id = fc.stringMatching(/^[a-z]{2,4}_[0-7][0-9a-hjkmnp-tv-z]{25}$/);

describe('what the outbox keeps', () => {
  test('a joining survives its stay in the outbox: the relay binds exactly the roles that were asked for', () => {
    const roles = fc.array(fc.record({ workspaceId: id, roleId: id }), { maxLength: 5 });
    const texts = { organizationId: id, memberId: id, userId: id, organizationRoleId: id, grantedBy: id };
    fc.assert(
      fc.property(fc.record({ ...texts, workspaceRoles: roles }), (joining) => {
        const stored: unknown = JSON.parse(JSON.stringify(joiningPayload(joining)));
        expect(joiningOf(stored as ReturnType<typeof joiningPayload>)).toEqual(joining);
      }),
    );
  });

  test('a payload that lacks a field is refused, not half understood', () => {
    expect(() => joiningOf({ organizationId: 'org_1' })).toThrow('roleIds');
  });
});

describe('job ids', () => {
  test('every attempt has an id of its own, and none holds a colon', () => {
    fc.assert(
      fc.property(id, fc.nat(50), fc.nat(50), (_id, a, b) => {
        expect(jobId({ _id, attempts: a })).not.toContain(':');
        expect(jobId({ _id, attempts: a }) === jobId({ _id, attempts: b })).toBe(a === b);
      }),
    );
  });

  test('the first attempt is named after the deletion alone', () => {
    expect(jobId({ _id: 'del_1', attempts: 0 })).toBe('ud-del_1');
    expect(jobId({ _id: 'del_1', attempts: 2 })).toBe('ud-del_1-r2');
  });
});

describe('names and addresses', () => {
  test('workspace names that differ in case alone are the same name, within one organization only', () => {
    expect(workspaceKey('org_a', 'Production')).toBe(workspaceKey('org_a', 'pRODUCTION'));
    expect(workspaceKey('org_a', 'production')).not.toBe(workspaceKey('org_b', 'production'));
  });

  test('an address is compared in lower case', () => {
    expect(normalizedEmail('Ada@Example.COM')).toBe('ada@example.com');
  });

  test('a deleted account shows no address', () => {
    const row = { _id: 'user_1', displayName: '', state: 'DELETED', createTime: new Date(), version: 2 } as const;
    expect(toUser(row).email).toBe('');
  });
});

describe('refusals in the trail', () => {
  test('a refusal is filed under the organization and the most specific object of the request', () => {
    expect(refusedObject({ organizationId: 'org_1', memberId: 'mem_1' })).toEqual({
      organizationId: 'org_1',
      object: { kind: 'member', id: 'mem_1' },
    });
    expect(refusedObject({ email: 'ada@example.com' })).toEqual({ organizationId: '', object: { kind: '', id: '' } });
  });
});

describe('configuration', () => {
  test('all problems are reported at once', () => {
    expect(() => identityConfig({ LATCHKEY_SEAT_CLOSING_MS: 'soon' })).toThrow(
      /MONGODB_URI: is required[^]*LATCHKEY_SEAT_CLOSING_MS|LATCHKEY_SEAT_CLOSING_MS[^]*MONGODB_URI: is required/,
    );
  });
});
